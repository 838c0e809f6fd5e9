package weft.volume;

import io.micrometer.core.instrument.MeterRegistry;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricStore;
import weft.coordination.StorageNodes;
import weft.fabric.Attachment;
import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.FabricImage;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.Placement;
import weft.fabric.PlacementGroupId;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.runtime.BrokenInvariant;
import weft.runtime.Clock;
import weft.runtime.FreshIds;
import weft.runtime.Loop;
import weft.runtime.VirtualThreads;
import weft.transport.Peers;
import weft.transport.Transport;
import weft.wire.WireMessage;
import weft.wire.storage.StorageMessage.WriteBlocks;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

/// The pool as its clients see it: opens volumes and claims them. One a process; all volumes share
/// its connections.
///
/// Fencing: whoever wants to write claims first. [#claim] (or a commit of the caller's own, as
/// migration does) raises the attachment's token in the coordination, then [#raise] tells the
/// storage nodes. A group that does not answer is raised by the first request that reaches it.
public final class PoolClient implements PoolAccess, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(PoolClient.class);
    private static final Duration TICK = Duration.ofMillis(100);

    /// Longer than a reconfiguration takes; a group that is down longer is raised by its first
    /// request.
    private static final Duration RAISE_WAIT = Duration.ofSeconds(3);

    /// The smallest read there is: one block.
    private static final int REACH_BYTES = 4096;

    private static final Executor BLOCKING = new VirtualThreads("pool-client");

    private final FabricStore store;
    private final VolumeClaims claims;
    private final Clock clock;
    private final StorageNodes nodes;
    private final PoolMap map;
    private final PoolMeters meters;
    private final Peers peers;
    private final Loop loop = new Loop("pool-client");
    private final OpenVolumes holds;
    private final Map<RemoteVolume, Boolean> volumes = new ConcurrentHashMap<>();
    private final AtomicBoolean ticking = new AtomicBoolean();

    /// @param image the newest picture of the fabric, as of a FabricWatcher
    /// @param transport speaks the storage protocol; stays open when the client is closed
    /// @param holds where the process finds what it has open for writing
    public PoolClient(
            FabricStore store,
            Supplier<FabricImage> image,
            Transport transport,
            Clock clock,
            MeterRegistry registry,
            OpenVolumes holds) {
        this.holds = holds;
        this.store = store;
        claims = new VolumeClaims(store);
        this.clock = clock;
        nodes = new StorageNodes(image);
        map = new PoolMap(store, image, nodes);
        meters = new PoolMeters(registry);
        peers = new Peers(transport, nodes::addressOf, List.of());
    }

    /// Ticks as long as any volume is open: waking is most of what an idle process costs.
    private void beginTicking() {
        if (ticking.compareAndSet(false, true)) {
            var _ = loop.schedule(TICK, this::onTick);
        }
    }

    private void onTick() {
        long now = clock.nowNanos();
        try {
            volumes.keySet().forEach(volume -> volume.onTick(now));
        } finally {
            ticking.set(false);
            // One that was opened a moment ago saw that there are ticks.
            if (!volumes.isEmpty()) {
                beginTicking();
            }
        }
    }

    /// A volume and the attachment by which it may be written.
    public record Claimed(Volume volume, Attachment attachment) {}

    /// Opens a volume for its holder. Operations wait for as long as the pool takes.
    public RemoteVolume open(Claimed claimed) {
        return open(claimed, Optional.empty());
    }

    /// Opens a volume for its holder.
    ///
    /// @param deadline after which an operation fails with TIMED_OUT, and may have been done
    public RemoteVolume open(Claimed claimed, Optional<Duration> deadline) {
        Volume volume = claimed.volume();
        if (!claimed.attachment().volume().equals(volume.id())) {
            throw new IllegalArgumentException(
                    "attachment of %s for volume %s"
                            .formatted(claimed.attachment().volume(), volume.id()));
        }
        boolean readOnly = volume.access() != Volume.Access.READ_WRITE;
        RemoteVolume opened = opened(volume, claimed.attachment().token(), readOnly, deadline);
        if (!readOnly) {
            holds.opened(opened);
        }
        return opened;
    }

    /// For moving what layers of the volume hold to other layers: the one of these that may change
    /// anything from now on. Blocks.
    ///
    /// @param volume that has the layers, as long as they reach
    /// @param number of the piece of maintenance; each has a higher one than those before
    /// @throws IOException if not all groups answer: what was asked before may still be done
    public LayerCopier layerCopier(Volume volume, long number) throws IOException {
        long token = WriteBlocks.maintenanceToken(number);
        try {
            if (!raising(volume, token, token).get()) {
                throw new IOException("not all placement groups of " + volume.name() + " answer");
            }
        } catch (ExecutionException e) {
            throw new BrokenInvariant("raising a token says what became of it: " + e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while layers were to be copied", e);
        }
        return new LayerCopier(this, volume, token);
    }

    /// For changes that no holder and no reader can see.
    RemoteVolume openForMaintenance(Volume volume, long token) {
        return opened(volume, token, false, Optional.empty());
    }

    /// Up to where one of the volume's layers maps every block, from an offset on: so far nothing
    /// of the layers below it is seen. Blocks.
    public long mappedUntil(Volume volume, VolumeId layer, long fromBytes, long endBytes)
            throws IOException, InterruptedException {
        Volume alone = volume.withAccess(Volume.Access.READ_ONLY).withLayers(List.of(layer));
        try (RemoteVolume has = openReadOnly(alone)) {
            return LayerCopier.mappedUntil(has, fromBytes, endBytes);
        }
    }

    /// Opens a volume for reading, whoever holds it; nobody is fenced and the reader never is.
    public RemoteVolume openReadOnly(Volume volume) {
        return openReadOnly(volume, Optional.empty());
    }

    /// Opens a volume for reading.
    ///
    /// @param deadline after which an operation fails with TIMED_OUT
    public RemoteVolume openReadOnly(Volume volume, Optional<Duration> deadline) {
        return opened(volume, 0, true, deadline);
    }

    private RemoteVolume opened(
            Volume record, long token, boolean readOnly, Optional<Duration> deadline) {
        var volume = new RemoteVolume(this, record, token, FreshIds.positive(), readOnly, deadline);
        volumes.put(volume, true);
        beginTicking();
        return volume;
    }

    /// Becomes the volume's holder: raises the attachment's token in the coordination and at the
    /// storage nodes. From then on earlier holders are refused. Blocks.
    ///
    /// @param volume as it was seen last
    /// @param holder in words, for people: `nbd @ node2`
    /// @param process that answers for the volume while it is open
    /// @return the volume as it was when it was claimed: with all its layers
    public Claimed claim(Volume volume, String holder, Attachment.Process process)
            throws IOException {
        return raised(claims.take(volume, holder, Optional.of(process)));
    }

    /// Becomes the volume's holder, for a command, which answers no questions.
    public Claimed claim(Volume volume, String holder) throws IOException {
        return raised(claims.take(volume, holder, Optional.empty()));
    }

    private Claimed raised(Claimed claimed) {
        var _ = raise(claimed.volume(), claimed.attachment());
        return claimed;
    }

    /// Opens a volume that this node exports, as its holder together with other nodes that export
    /// it: a token that one of them raises, or a cut, is no reason to end. Blocks.
    ///
    /// @throws IOException if it is not exported here any more
    public RemoteVolume openExported(Volume volume, NodeId node) throws IOException {
        return openExported(volume, node, Optional.empty());
    }

    /// Opens a volume that this node exports.
    ///
    /// @param deadline after which an operation fails with TIMED_OUT, and may have been done
    public RemoteVolume openExported(Volume volume, NodeId node, Optional<Duration> deadline)
            throws IOException {
        Claimed claimed = raised(claims.takeExported(volume, node));
        var self =
                new Attachment.Sharer(VolumeClaims.processOf(node), claimed.attachment().token());
        RemoteVolume opened =
                opened(claimed.volume(), claimed.attachment().token(), false, deadline);
        opened.renewBy((known, isRefused) ->
                CompletableFuture.supplyAsync(
                                () ->
                                        claims.look(
                                                claimed.volume(),
                                                self,
                                                known,
                                                isRefused,
                                                opened::isClosed),
                                BLOCKING)
                        .whenComplete((_, failure) -> {
                            if (failure != null) {
                                log.error("{}: looking who holds it", volume.name(), failure);
                            }
                        }));
        holds.opened(opened);
        return opened;
    }

    /// Tells all storage nodes of the volume that the attachment's token is in force, and waits a
    /// bounded time for those that answer. Blocks.
    ///
    /// @return whether all groups know the token: nothing of earlier holders can be done any more
    public boolean raise(Volume volume, Attachment attachment) {
        try {
            return raising(volume, attachment).get();
        } catch (ExecutionException e) {
            throw new BrokenInvariant("raising a token says what became of it: " + e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /// Begins to tell all storage nodes of the volume that the attachment's token is in force.
    ///
    /// @return after a bounded time, whether all groups know the token: nothing of earlier holders
    ///   can be done any more
    public CompletableFuture<Boolean> raising(Volume volume, Attachment attachment) {
        return fencing(volume, attachment.token(), attachment.sessionsFrom());
    }

    private CompletableFuture<Boolean> fencing(Volume volume, long token, long sessionsFrom) {
        return raising(volume, token, sessionsFrom)
                .thenApply(all -> {
                    if (all) {
                        holds.fenced(volume.id(), token, volume.extentBytes());
                    }
                    return all;
                });
    }

    /// Of sessions by lower tokens it knows nothing.
    @Override
    public void fence(RemoteVolume volume) {
        BLOCKING.execute(() -> {
            Volume now = volume.record().withSizeBytes(volume.sizeBytes());
            var _ = fencing(now, volume.token(), 0);
        });
    }

    private CompletableFuture<Boolean> raising(Volume volume, long token, long sessionsFrom) {
        // Layers may reach beyond the volume's end: a rollback makes it smaller.
        Volume whole = volume.withSizeBytes(volume.extentBytes());
        var session = opened(whole, token, false, Optional.of(RAISE_WAIT));
        List<CompletableFuture<Void>> raises = new ArrayList<>();
        groupsOf(whole)
                .forEach((_, chunkIndex) -> raises.add(session.raiseAt(chunkIndex, sessionsFrom)));
        return CompletableFuture.allOf(raises.toArray(CompletableFuture[]::new))
                .handleAsync((_, failure) -> {
                    session.close();
                    if (failure != null) {
                        log.warn(
                                "{}: token {} is not known to all groups yet; their first request"
                                        + " brings it",
                                volume.name(),
                                token);
                    }
                    return failure == null;
                });
    }

    /// Looks whether the volume can be used from here: reads a block of each of its groups, as
    /// anyone may. What it learns of the groups, and the connections, serve the holder later.
    /// Blocks.
    ///
    /// @param patience longer than a reconfiguration takes
    /// @throws IOException if a group does not answer in time
    public void reach(Volume volume, Duration patience) throws IOException {
        var session = opened(volume, 0, true, Optional.of(patience));
        try {
            List<CompletableFuture<Void>> reads = new ArrayList<>();
            groupsOf(volume)
                    .forEach((_, chunkIndex) ->
                            reads.add(
                                    session.read(
                                            chunkIndex * ChunkKey.CHUNK_BYTES,
                                            ByteBuffer.allocate(REACH_BYTES))));
            var all = CompletableFuture.allOf(reads.toArray(CompletableFuture[]::new));
            all.get(2 * patience.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException | TimeoutException e) {
            throw new IOException(
                    "disk '%s' cannot be read within %d s"
                            .formatted(volume.name(), patience.toSeconds()),
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while reaching for '" + volume.name() + "'", e);
        } finally {
            session.close();
        }
    }

    /// Each group that holds chunks of the volume, with one of these chunks.
    Map<PlacementGroupId, Long> groupsOf(Volume volume) {
        int pgBits = map.pgBits();
        long chunkCount = (volume.sizeBytes() + ChunkKey.CHUNK_BYTES - 1) / ChunkKey.CHUNK_BYTES;
        Map<PlacementGroupId, Long> groups = new java.util.HashMap<>();
        for (long i = 0; i < chunkCount && groups.size() < 1 << pgBits; i++) {
            groups.putIfAbsent(Placement.groupOf(volume.placementRoot(), i, pgBits), i);
        }
        return groups;
    }

    /// For comparing the replicas of all groups.
    public ReplicaComparison replicaComparison() {
        return new ReplicaComparison(store, nodes, peers, clock);
    }

    /// For asking what the pool holds.
    public PoolSpace space() {
        return new PoolSpace(nodes, peers);
    }

    /// For having what the pool holds verified.
    public PoolScrub scrub() {
        return new PoolScrub(nodes, peers);
    }

    @Override
    public int pgBits() {
        return map.pgBits();
    }

    @Override
    public Optional<Configuration> configurationOf(PlacementGroupId pg) {
        return map.configurationOf(pg);
    }

    @Override
    public boolean learn(Configuration heard) {
        return map.learn(heard);
    }

    @Override
    public CompletableFuture<Void> refresh(PlacementGroupId pg) {
        return map.refresh(pg);
    }

    @Override
    public Optional<NodeId> nodeOf(Member member) {
        return map.nodeOf(member);
    }

    @Override
    public CompletableFuture<WireMessage> request(NodeId node, WireMessage message) {
        return peers.request(node, message);
    }

    @Override
    public void later(Duration delay, Runnable task) {
        var _ = loop.schedule(delay, task);
    }

    @Override
    public long nowNanos() {
        return clock.nowNanos();
    }

    @Override
    public PoolMeters meters() {
        return meters;
    }

    @Override
    public OpenVolumes holds() {
        return holds;
    }

    @Override
    public void forget(RemoteVolume volume) {
        volumes.remove(volume);
    }

    /// Closes all volumes and connections.
    @Override
    public void close() {
        Set.copyOf(volumes.keySet()).forEach(RemoteVolume::close);
        loop.close();
        peers.close();
    }
}
