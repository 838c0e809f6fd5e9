package weft.storage.server;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.VolumeIds;
import weft.coordination.FabricStore;
import weft.fabric.Member;
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
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/// Gives back the space of deleted volumes: each primary drops the layers that no volume has any
/// more, as an entry of the group's log.
///
/// A layer is garbage if it has chunks, its id is below the counter of ids, and no volume record
/// names it. Chunks are listed *before* the records are read: a chunk is written only after its
/// volume's record was made, so what has chunks and is not garbage has a record by then. The
/// counter guards against a coordination that was restored from an old copy and knows too few
/// volumes.
final class LayerGarbage implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(LayerGarbage.class);
    private static final int ANSWER_SECONDS_MAX = 20;

    private final FabricRecords records;
    private final ReplicaDirectory replicas;
    private final Member self;
    private final Handshake handshake;
    private final StorageMeters meters;
    private final VirtualThreads blocking = new VirtualThreads("layer-garbage");
    private final Loop.Timer timer;
    private final long session = FreshIds.positive();
    private final AtomicLong lastNumber = new AtomicLong();
    private volatile boolean busy;

    LayerGarbage(
            FabricStore store,
            ReplicaDirectory replicas,
            Member self,
            Handshake handshake,
            StorageMeters meters,
            Loop timers,
            Duration period) {
        records = new FabricRecords(store);
        this.replicas = replicas;
        this.self = self;
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
        Map<HostedReplica, Set<VolumeId>> layers = new ConcurrentHashMap<>();
        List<CompletableFuture<Void>> answers = new ArrayList<>();
        for (HostedReplica replica : replicas.all()) {
            if (replica.newest().filter(c -> c.primary().equals(self)).isPresent()) {
                var answered = new CompletableFuture<Void>();
                replica.postLayerQuestion(found -> {
                    layers.put(replica, Set.copyOf(found));
                    answered.complete(null);
                });
                answers.add(answered);
            }
        }
        CompletableFuture.allOf(answers.toArray(CompletableFuture[]::new))
                .get(ANSWER_SECONDS_MAX, TimeUnit.SECONDS);
        if (layers.values().stream().allMatch(Set::isEmpty)) {
            return;
        }
        // The first read begins with a sync: all that follow are at least as new.
        long nextId =
                records.find(FabricPaths.VOLUME_IDS, VolumeIds.class)
                        .map(found -> found.noun().next())
                        .orElse(0L);
        Set<VolumeId> used = usedLayers();
        layers.forEach((replica, found) -> {
            for (VolumeId layer : found) {
                if (layer.value() < nextId && !used.contains(layer)) {
                    drop(replica, layer);
                }
            }
        });
    }

    private Set<VolumeId> usedLayers() throws IOException {
        Set<VolumeId> used = new HashSet<>();
        String folder = FabricPaths.ROOT + "/" + FabricPaths.Kind.VOLUME.folder();
        for (String name : records.store().children(folder)) {
            records.find(FabricPaths.volume(name), Volume.class)
                    .ifPresent(volume -> used.addAll(volume.noun().layers()));
        }
        return used;
    }

    private void drop(HostedReplica replica, VolumeId layer) {
        long number = lastNumber.incrementAndGet();
        log.info("{}: drops layer {} of a deleted volume", replica.pg(), layer);
        // No holder is above the deletion: the highest token of all.
        replica.postRequest(
                new WriteBlocks(
                        replica.pg(),
                        0,
                        session,
                        number,
                        number,
                        Long.MAX_VALUE,
                        new Mutation.DropLayer(layer)),
                new Dropping());
    }

    /// Only counts: a drop that was refused is tried in the next round.
    private final class Dropping implements Caller {
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
        public void reply(WireMessage message) {
            if (message instanceof WriteDone) {
                meters.layersDropped.increment();
            }
        }

        @Override
        public void fail(String reason) {
            log.info("a layer was not dropped: {}", reason);
        }
    }

    @Override
    public void close() {
        timer.cancel();
    }
}
