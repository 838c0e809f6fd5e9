package weft.volume;

import weft.fabric.ChunkKey;
import weft.fabric.Placement;
import weft.fabric.PlacementGroupId;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.volume.VolumeException.Reason;
import weft.volume.VolumeOperation.Kind;
import weft.wire.CountedMemory;
import weft.wire.holder.HolderMessage.NewLayers;
import weft.wire.storage.StorageMessage.WriteBlocks;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntSupplier;

/// A volume of the pool, seen from anywhere in the fabric. Made by [PoolClient].
///
/// Operations are cut at chunk borders into spans; each span is sent to the primary of its
/// placement group until it is answered, through any number of reconfigurations. What a client sees
/// of a failure is a pause, unless it set a deadline.
///
/// Invariant: a change is sent again only with the number it had, and its completion is told once.
/// Any thread; state is in concurrent collections, because a hop to a loop would be the dearest
/// part of a 4 KiB write.
public final class RemoteVolume implements BlockVolume {
    /// No operation is given up.
    static final long NO_DEADLINE = Long.MAX_VALUE;

    /// Bytes of operations that have begun: two of NBD's longest writes.
    private static final long IN_FLIGHT_BYTES_MAX = 64L << 20;

    /// What an operation without bytes of its own counts for.
    private static final long OPERATION_BYTES_MIN = 4096;

    private static final long CLOSE_WAIT_MILLIS = 2_000;

    private final PoolAccess pool;
    private final Volume record;
    private final long session;
    private final boolean readOnly;
    private final Optional<Duration> deadline;
    private final WriteLayers layers;
    private final List<Runnable> resizeListeners = new CopyOnWriteArrayList<>();
    private final int pgBits;
    private final InFlightWrites writes = new InFlightWrites();
    private final InFlightBytes bytes = new InFlightBytes(IN_FLIGHT_BYTES_MAX);
    private final Queue<VolumeOperation> stalled = new ConcurrentLinkedQueue<>();

    /// By number: what is done for all is done in the same order in each run of the simulator.
    private final Map<Long, SpanRequest> spans = new ConcurrentHashMap<>();

    private final AtomicLong spanCount = new AtomicLong();

    /// Held while size and layers change together. Not the volume itself: who waited for the end of
    /// an epoch goes on in here.
    private final Object turning = new Object();

    private volatile Optional<Looks> looks = Optional.empty();
    private volatile Optional<Reason> stopped = Optional.empty();
    private volatile boolean closing;
    private volatile boolean clean = true;
    private volatile long sizeBytes;

    /// A volume as a process has it open; for writers it is not yet known to its [OpenVolumes].
    ///
    /// @param token of the attachment, 0 for a reader that nobody fences
    /// @param session of which there is no other
    /// @param deadline after which an operation fails with TIMED_OUT, and may have been done
    public RemoteVolume(
            PoolAccess pool,
            Volume record,
            long token,
            long session,
            boolean readOnly,
            Optional<Duration> deadline) {
        this.pool = pool;
        this.record = record;
        this.session = session;
        this.readOnly = readOnly;
        this.deadline = deadline;
        layers = new WriteLayers(record.chain(), token);
        sizeBytes = record.sizeBytes();
        pgBits = pool.pgBits();
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public boolean isReadOnly() {
        return readOnly;
    }

    @Override
    public CompletableFuture<Void> read(long offsetBytes, ByteBuffer destination) {
        int length = destination.remaining();
        pool.meters().readBytes.increment(length);
        return begin(
                new Kind.Read(destination, destination.position()), offsetBytes, length, length);
    }

    @Override
    public CompletableFuture<Void> write(long offsetBytes, ByteBuffer source) {
        return write(offsetBytes, new Kind.Write(source, source.position(), Optional.empty()));
    }

    @Override
    public CompletableFuture<Void> writeGiven(
            long offsetBytes, ByteBuffer source, CountedMemory memory) {
        return write(offsetBytes, new Kind.Write(source, source.position(), Optional.of(memory)));
    }

    private CompletableFuture<Void> write(long offsetBytes, Kind.Write kind) {
        int length = kind.source().remaining();
        pool.meters().writtenBytes.increment(length);
        return begin(kind, offsetBytes, length, length);
    }

    @Override
    public CompletableFuture<Void> writeZeroes(long offsetBytes, long lengthBytes) {
        return begin(new Kind.Zero(), offsetBytes, lengthBytes, OPERATION_BYTES_MIN);
    }

    @Override
    public CompletableFuture<Void> discard(long offsetBytes, long lengthBytes) {
        return begin(new Kind.Discard(), offsetBytes, lengthBytes, OPERATION_BYTES_MIN);
    }

    @Override
    public CompletableFuture<byte[]> map(long offsetBytes, long lengthBytes) {
        if (lengthBytes > MAP_BYTES_MAX) {
            throw new IllegalArgumentException("a map of " + lengthBytes + " bytes");
        }
        long first = offsetBytes / ChunkKey.BLOCK_BYTES;
        long end = (offsetBytes + lengthBytes + ChunkKey.BLOCK_BYTES - 1) / ChunkKey.BLOCK_BYTES;
        byte[] states = new byte[(int) (end - first)];
        return begin(new Kind.Map(states, first), offsetBytes, lengthBytes, OPERATION_BYTES_MIN)
                .thenApply(_ -> states);
    }

    /// A completed write is durable on all members already; what is left is to say whether this
    /// holder may still speak for the volume.
    @Override
    public CompletableFuture<Void> flush() {
        return stopped.map(this::failed).orElseGet(() -> CompletableFuture.completedFuture(null));
    }

    // For [LayerCopier].

    CompletableFuture<Void> copyDown(
            VolumeId upper, VolumeId lower, long offsetBytes, long lengthBytes) {
        return begin(
                new Kind.CopyDown(upper, lower), offsetBytes, lengthBytes, OPERATION_BYTES_MIN);
    }

    CompletableFuture<Void> fill(long offsetBytes, ByteBuffer bytes) {
        int length = bytes.remaining();
        return begin(new Kind.Fill(bytes, bytes.position()), offsetBytes, length, length);
    }

    CompletableFuture<Void> cover(long offsetBytes, long lengthBytes) {
        return begin(new Kind.Cover(), offsetBytes, lengthBytes, OPERATION_BYTES_MIN);
    }

    CompletableFuture<Void> trim(long offsetBytes, long lengthBytes) {
        return begin(new Kind.Trim(), offsetBytes, lengthBytes, OPERATION_BYTES_MIN);
    }

    CompletableFuture<Void> dropLayerAt(VolumeId layer, long chunkIndex) {
        return begin(new Kind.DropLayer(layer), chunkIndex * ChunkKey.CHUNK_BYTES, 1, 0);
    }

    /// Brings the token to the group of the chunk.
    ///
    /// @param sessionsFrom sessions that began by a lower token than this never come again
    public CompletableFuture<Void> raiseAt(long chunkIndex, long sessionsFrom) {
        return begin(new Kind.RaiseToken(sessionsFrom), chunkIndex * ChunkKey.CHUNK_BYTES, 1, 0);
    }

    private CompletableFuture<Void> begin(
            Kind kind, long offsetBytes, long lengthBytes, long chargedBytes) {
        if (stopped.isPresent() || closing) {
            return failed(stopped.orElse(Reason.CLOSED));
        }
        if (readOnly && kind.isChange()) {
            return failed(Reason.READ_ONLY);
        }
        if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes > sizeBytes - lengthBytes) {
            return CompletableFuture.failedFuture(outOfRange(offsetBytes, lengthBytes));
        }
        if (lengthBytes == 0) {
            return CompletableFuture.completedFuture(null);
        }
        long deadlineNanos =
                deadline.map(limit -> pool.nowNanos() + limit.toNanos()).orElse(NO_DEADLINE);
        var done = new CompletableFuture<Void>();
        var operation =
                new VolumeOperation(this, kind, offsetBytes, lengthBytes, deadlineNanos, done);
        // Callers get the future itself: one that depends on it would wrap the failure.
        var _ = done.whenComplete((_, _) -> bytes.release(chargedBytes));
        bytes.acquire(chargedBytes, operation::pump);
        return done;
    }

    VolumeException outOfRange(long offsetBytes, long lengthBytes) {
        return new VolumeException(
                Reason.OUT_OF_RANGE,
                "%s: %d bytes at %d are not within its %d"
                        .formatted(this, lengthBytes, offsetBytes, sizeBytes));
    }

    private CompletableFuture<Void> failed(Reason reason) {
        return CompletableFuture.failedFuture(
                new VolumeException(reason, this + ": " + describe(reason)));
    }

    private static String describe(Reason reason) {
        return switch (reason) {
            case FENCED -> "a newer holder has the volume";
            case READ_ONLY -> "open for reading only";
            case CLOSED -> "closed";
            case OUT_OF_RANGE, NO_SPACE, TIMED_OUT, CORRUPT -> reason.toString();
        };
    }

    // What spans and operations need of their volume.

    PlacementGroupId groupOf(long chunkIndex) {
        return Placement.groupOf(record.placementRoot(), chunkIndex, pgBits);
    }

    /// As it was opened.
    public Volume record() {
        return record;
    }

    /// Whose token [#raiseAt] raises.
    VolumeId guard() {
        return WriteBlocks.isMaintenance(token()) ? VolumeId.MAINTENANCE : record.id();
    }

    WriteLayers layers() {
        return layers;
    }

    /// Stamps later changes with these layers, and ends where the volume does now. Nothing beyond a
    /// new end gets a new stamp: a shrunken volume that grows again has zeroes there. And nothing
    /// beyond an old end gets an old stamp: older layers may not be seen there.
    ///
    /// @return false if the layers are older than the present ones
    boolean switchTo(NewLayers wanted, CompletableFuture<Void> mayAnswer) {
        synchronized (turning) {
            boolean isNewer = layers.isNewer(wanted.chain());
            if (isNewer && wanted.sizeBytes() < sizeBytes) {
                setSize(wanted.sizeBytes());
            }
            boolean done = layers.switchTo(wanted.chain(), mayAnswer);
            if (isNewer && wanted.sizeBytes() > sizeBytes) {
                setSize(wanted.sizeBytes());
            }
            return done;
        }
    }

    /// See [WriteLayers#settled].
    CompletableFuture<Void> settled() {
        return layers.settled();
    }

    /// Whether it is known what became of each change that has ended.
    boolean isClean() {
        return clean;
    }

    @Override
    public void onResize(Runnable listener) {
        resizeListeners.add(listener);
    }

    /// The volume has grown. Questions may come late: only a cut makes it smaller.
    ///
    /// @param top the volume's top layer then
    /// @return false if it has another top layer here
    boolean grown(long bytes, VolumeId top) {
        synchronized (turning) {
            if (!layers.chain().top().equals(top)) {
                return false;
            }
            if (bytes > sizeBytes) {
                setSize(bytes);
            }
            return true;
        }
    }

    private void setSize(long bytes) {
        sizeBytes = bytes;
        resizeListeners.forEach(Runnable::run);
    }

    /// By which changes are asked for now.
    public long token() {
        return layers.current().token();
    }

    long session() {
        return session;
    }

    PoolAccess pool() {
        return pool;
    }

    PoolMeters meters() {
        return pool.meters();
    }

    long nowNanos() {
        return pool.nowNanos();
    }

    InFlightWrites writes() {
        return writes;
    }

    /// Why nothing more is asked, if so.
    Optional<Reason> stopped() {
        return stopped;
    }

    /// The next span's number.
    long nextSpan() {
        return spanCount.incrementAndGet();
    }

    void onSpanStarted(SpanRequest span) {
        spans.put(span.number(), span);
    }

    void onSpanEnded(SpanRequest span) {
        spans.remove(span.number());
        unstall();
    }

    /// A change ended without an answer: it may have been done, or be done yet.
    void onUnknownOutcome() {
        clean = false;
    }

    /// The operation waits until the window of numbered changes has room.
    void stall(VolumeOperation operation) {
        stalled.add(operation);
        if (writes.hasRoom()) {
            unstall();
        }
    }

    private void unstall() {
        VolumeOperation waiting;
        while (writes.hasRoom() && (waiting = stalled.poll()) != null) {
            waiting.pump();
        }
    }

    /// Has the volume go on, when it is refused, by what the holder's record says then.
    public void renewBy(Renewal by) {
        IntSupplier known = () -> layers.chain().top().generation();
        looks =
                Optional.of(
                        new Looks(isRefused -> by.look(known, isRefused).thenAccept(this::onLook)));
    }

    /// Looks what the records say by now, without waiting to be refused: a holder that shares the
    /// volume is not told when it grows.
    public void lookAgain() {
        if (stopped.isEmpty()) {
            looks.ifPresent(Looks::again);
        }
    }

    /// Whether this is still a holder, by a newer token than the one that was refused.
    CompletableFuture<Boolean> isRenewed(long refusedToken) {
        if (token() > refusedToken) {
            return CompletableFuture.completedFuture(true);
        }
        if (looks.isEmpty() || stopped.isPresent()) {
            return CompletableFuture.completedFuture(false);
        }
        CompletableFuture<Void> underWay = looks.get().last();
        return underWay.isDone()
                ? looks.get().afterRefusal().thenApply(_ -> token() > refusedToken)
                : underWay.handle((_, _) -> 0).thenCompose(_ -> isRenewed(refusedToken));
    }

    private void onLook(Renewal.Look look) {
        if (!look.isHolder()) {
            onFenced();
        } else {
            look.news().ifPresent(this::goOn);
        }
    }

    private void goOn(Renewal.Renewed now) {
        synchronized (turning) {
            boolean isNewer = now.token() > token();
            if (isNewer && now.sizeBytes() < sizeBytes) {
                setSize(now.sizeBytes());
            }
            if (isNewer) {
                layers.renew(now.chain(), now.token());
            }
            boolean isSame = now.chain().top().equals(layers.chain().top());
            if (now.sizeBytes() > sizeBytes && isSame) {
                setSize(now.sizeBytes());
            }
        }
    }

    /// Whether nothing is asked any more.
    boolean isClosed() {
        return stopped.isPresent();
    }

    /// A newer holder has the volume: nothing that is asked from now on would be done.
    synchronized void onFenced() {
        if (stopped.isEmpty()) {
            stopped = Optional.of(Reason.FENCED);
        }
    }

    /// Time passes; called by its process every 100 ms or so.
    public void onTick(long nowNanos) {
        spans.values().forEach(span -> span.onTick(nowNanos));
    }

    @Override
    public void close() {
        closing = true;
        pool.forget(this);
        long giveUpNanos = pool.nowNanos() + CLOSE_WAIT_MILLIS * 1_000_000;
        try {
            while (!spans.isEmpty() && stopped.isEmpty() && pool.nowNanos() < giveUpNanos) {
                Thread.sleep(5);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (stopped.isEmpty()) {
            stopped = Optional.of(Reason.CLOSED);
        }
        spans.values().forEach(span -> span.fail(stopped.orElse(Reason.CLOSED), "closed"));
        pool.holds().closed(this, clean);
    }

    @Override
    public String toString() {
        return "volume '%s' (%s)".formatted(record.name(), record.id());
    }
}
