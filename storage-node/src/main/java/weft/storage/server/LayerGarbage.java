package weft.storage.server;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.Found;
import weft.coordination.FabricRecords.VolumeIds;
import weft.coordination.FabricStore;
import weft.fabric.FabricImage;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.runtime.FreshIds;
import weft.runtime.Loop;
import weft.runtime.VirtualThreads;
import weft.transport.Caller;
import weft.transport.Handshake;
import weft.wire.WireMessage;
import weft.wire.storage.Mutation;
import weft.wire.storage.StorageMessage.WriteBlocks;
import weft.wire.storage.StorageMessage.WriteDone;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/// Gives back the space of deleted volumes and snapshots: each primary drops the layers that no
/// volume has any more, and forgets the tokens of volumes that are gone, as entries of the group's
/// log.
///
/// A layer is garbage if it has chunks, its volume's id is below the counter of ids, and no volume
/// record names it. Chunks are listed *before* the records are read: a chunk is written only after
/// its layer was in a record, so what has chunks and is not garbage is in a record by then. Records
/// are read one after the other, and a snapshot, a clone or a rename may pass a layer on behind the
/// reader's back: each of them changes the counter's version ([FabricRecords#commitLayers]), and a
/// round that sees two versions does nothing. The counter also guards against a coordination that
/// was restored from an old copy and knows too few volumes.
///
/// All records are read only if the node's picture of them, which may be old, lacks something that
/// is here: what it shows costs nothing, however many volumes there are.
///
/// A token is kept as long as any layer of its volume is: a late request of an old holder must not
/// reach what a clone shares.
final class LayerGarbage implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(LayerGarbage.class);
    private static final int ANSWER_SECONDS_MAX = 20;

    private final FabricRecords records;
    private final Supplier<FabricImage> image;
    private final Supplier<List<HostedStore>> stores;
    private final Handshake handshake;
    private final StorageMeters meters;
    private final VirtualThreads blocking = new VirtualThreads("layer-garbage");
    private final Loop.Timer timer;
    private final long session = FreshIds.positive();
    private final AtomicLong lastNumber = new AtomicLong();
    private volatile boolean busy;

    /// @param image the newest picture of the fabric, with its volumes
    /// @param stores of the node that work: one that failed would not answer
    LayerGarbage(
            FabricStore store,
            Supplier<FabricImage> image,
            Supplier<List<HostedStore>> stores,
            Handshake handshake,
            StorageMeters meters,
            Loop timers,
            Duration period) {
        records = new FabricRecords(store);
        this.image = image;
        this.stores = stores;
        this.handshake = handshake;
        this.meters = meters;
        timer = timers.every(period, this::begin);
    }

    private void begin() {
        if (busy) {
            return;
        }
        busy = true;
        blocking.execute(() -> {
            try {
                collect();
            } catch (IOException | TimeoutException | ExecutionException e) {
                log.info("deleted volumes were not looked for: {}", e.getMessage());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } finally {
                busy = false;
            }
        });
    }

    private void collect()
            throws IOException, InterruptedException, ExecutionException, TimeoutException {
        Map<HostedReplica, HostedReplica.Held> held = new ConcurrentHashMap<>();
        List<CompletableFuture<Void>> answers = new ArrayList<>();
        for (HostedStore store : stores.get()) {
            for (HostedReplica replica : store.replicas().all()) {
                if (replica.leads()) {
                    var answered = new CompletableFuture<Void>();
                    replica.postLayerQuestion(found -> {
                        held.put(replica, found);
                        answered.complete(null);
                    });
                    answers.add(answered);
                }
            }
        }
        CompletableFuture.allOf(answers.toArray(CompletableFuture[]::new))
                .get(ANSWER_SECONDS_MAX, TimeUnit.SECONDS);
        var shown = new Used(new HashSet<>(), new HashSet<>());
        image.get().volumes().values().forEach(shown::add);
        if (held.values().stream().allMatch(shown::hasAll)) {
            return;
        }
        // The first read begins with a sync: all that follow are at least as new.
        Optional<Found<VolumeIds>> before = records.find(FabricPaths.VOLUME_IDS, VolumeIds.class);
        Used used = used();
        Optional<Found<VolumeIds>> after = records.find(FabricPaths.VOLUME_IDS, VolumeIds.class);
        if (before.isEmpty() || !before.equals(after)) {
            return;
        }
        long nextId = before.get().noun().next();
        held.forEach((replica, found) -> {
            for (VolumeId layer : found.layers()) {
                if (layer.volume().value() < nextId && !used.layers().contains(layer)) {
                    log.info("{}: drops layer {}, which no volume has", replica.pg(), layer);
                    change(replica, new Mutation.DropLayer(layer));
                }
            }
            for (VolumeId volume : found.volumes()) {
                boolean hasLayers =
                        found.layers().stream().anyMatch(layer -> layer.volume().equals(volume));
                if (volume.value() < nextId && !hasLayers && !used.volumes().contains(volume)) {
                    change(replica, new Mutation.ForgetVolume(volume));
                }
            }
        });
    }

    /// What the records name.
    ///
    /// @param volumes with a record of their own, or with a layer in another's
    private record Used(Set<VolumeId> layers, Set<VolumeId> volumes) {
        void add(Volume volume) {
            volumes.add(volume.id());
            layers.addAll(volume.layers());
            volume.layers().forEach(layer -> volumes.add(layer.volume()));
        }

        boolean hasAll(HostedReplica.Held held) {
            return layers.containsAll(held.layers()) && volumes.containsAll(held.volumes());
        }
    }

    private Used used() throws IOException {
        var used = new Used(new HashSet<>(), new HashSet<>());
        for (String name : records.store().children(FabricPaths.VOLUMES)) {
            records.find(FabricPaths.volume(name), Volume.class)
                    .ifPresent(volume -> used.add(volume.noun()));
        }
        return used;
    }

    private void change(HostedReplica replica, Mutation mutation) {
        long number = lastNumber.incrementAndGet();
        replica.postRequest(
                new WriteBlocks(
                        replica.pg(),
                        0,
                        session,
                        number,
                        number,
                        WriteBlocks.MAINTENANCE_TOKEN,
                        mutation),
                new Dropping(mutation));
    }

    /// Only counts: a drop that was refused is tried in the next round.
    private final class Dropping implements Caller {
        private final Mutation mutation;

        Dropping(Mutation mutation) {
            this.mutation = mutation;
        }

        @Override
        public Handshake peer() {
            return handshake;
        }

        @Override
        public boolean expectsReply() {
            return true;
        }

        @Override
        public void charge(int bytes) {}

        @Override
        public void send(WireMessage message) {}

        @Override
        public void reply(WireMessage message) {
            if (message instanceof WriteDone && mutation instanceof Mutation.DropLayer) {
                meters.layersDropped.increment();
            }
        }

        @Override
        public void fail(String reason) {
            log.info("{} was not done: {}", mutation, reason);
        }
    }

    @Override
    public void close() {
        timer.cancel();
    }
}
