package weft.storage.simulation;

import weft.fabric.ChunkKey;
import weft.sim.SimWorld;
import weft.volume.RemoteVolume;
import weft.volume.VolumeException;

import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;

/// Who uses one volume: several operations at a time, of all kinds and sizes. Parts of blocks,
/// whole blocks and writes of 64 KiB and more overlap in a few hot places, two of which lie across
/// the ends of chunks.
final class SimClient implements History.Holder {
    /// Blocks in use at the start of each chunk: a large write is 16 blocks or more.
    static final int HOT_BLOCKS = 20;

    private static final int CELLS_PER_BLOCK = ChunkKey.BLOCK_BYTES / History.CELL_BYTES;
    private static final int CELLS_PER_CHUNK = ChunkKey.CHUNK_BYTES / History.CELL_BYTES;

    private final SimPool pool;
    private final SimWorld world;
    private final History history;
    final SimProcess process;
    final RemoteVolume volume;
    final SimPool.Attached attached;
    private final boolean isShared;
    private long barredNanos = Long.MAX_VALUE;
    private boolean fenced;
    private boolean stopping;
    private int running;

    /// @param shared whether it may hold the volume together with others
    SimClient(SimPool pool, SimProcess process, SimPool.Attached attached, boolean shared) {
        this.pool = pool;
        isShared = shared;
        this.process = process;
        this.attached = attached;
        world = pool.world;
        history = pool.history;
        volume =
                shared
                        ? process.openShared(attached.record(), attached.token())
                        : process.open(attached.record(), attached.token());
    }

    /// Where what clients use of a chunk begins: what lies across its start begins before it.
    static long firstHotCell(int chunk) {
        return (long) chunk * CELLS_PER_CHUNK - (chunk == 0 ? 0 : HOT_BLOCKS * CELLS_PER_BLOCK);
    }

    static int hotCells(int chunk) {
        return HOT_BLOCKS * CELLS_PER_BLOCK * (chunk == 0 ? 1 : 2);
    }

    void start(int operationsAtOnce) {
        for (int i = 0; i < operationsAtOnce; i++) {
            running++;
            next();
        }
    }

    void stop() {
        stopping = true;
    }

    @Override
    public long token() {
        return volume.token();
    }

    @Override
    public boolean isShared() {
        return isShared;
    }

    /// From now on nothing new is answered.
    void bar() {
        barredNanos = world.nowNanos();
    }

    @Override
    public long barredNanos() {
        return barredNanos;
    }

    boolean isFenced() {
        return fenced;
    }

    boolean isIdle() {
        return running == 0 || process.isDead();
    }

    private void next() {
        process.later(
                java.time.Duration.ofNanos(pool.leisure * world.between(1_000_000, 20_000_000)),
                this::begin);
    }

    private void begin() {
        if (stopping || fenced) {
            running--;
            return;
        }
        double kind = world.random().nextDouble();
        boolean large = world.chance(0.04);
        int cells = large ? (int) world.between(64, 76) : smallLength();
        long first = place(cells);
        if (kind < 0.4) {
            read(first, cells);
        } else if (kind < 0.85) {
            write(first, cells);
        } else if (kind < 0.93) {
            History.Operation zero = history.beginZero(id(), first, cells, this);
            end(zero, volume.writeZeroes(zero.offsetBytes(), zero.lengthBytes()));
        } else {
            discard(first, cells);
        }
    }

    private int smallLength() {
        return world.chance(0.4)
                ? CELLS_PER_BLOCK * (int) world.between(1, 2)
                : (int) world.between(1, 7);
    }

    /// Half of what is small is aligned; some lies across the end of a chunk.
    private long place(int cells) {
        long chunk = world.between(0, pool.chunks() - 1);
        boolean across = chunk > 0 && world.chance(0.05);
        long within;
        if (across) {
            within = -world.between(1, cells);
        } else if (cells > 8) {
            within = world.between(0, HOT_BLOCKS * CELLS_PER_BLOCK - cells);
        } else {
            within = world.between(0, (world.chance(0.8) ? 4 : HOT_BLOCKS) * CELLS_PER_BLOCK - 8);
        }
        if (cells % CELLS_PER_BLOCK == 0 && world.chance(0.7)) {
            within = within / CELLS_PER_BLOCK * CELLS_PER_BLOCK;
        }
        return chunk * CELLS_PER_CHUNK + within;
    }

    private weft.fabric.VolumeId id() {
        return attached.record().id();
    }

    private void discard(long first, int cells) {
        // Only whole blocks of it change.
        long from = (first + CELLS_PER_BLOCK - 1) / CELLS_PER_BLOCK * CELLS_PER_BLOCK;
        long to = (first + cells) / CELLS_PER_BLOCK * CELLS_PER_BLOCK;
        int whole = (int) Math.max(0, to - from);
        History.Operation trim = history.beginZero(id(), from, whole, this);
        end(trim, volume.discard(first * History.CELL_BYTES, (long) cells * History.CELL_BYTES));
    }

    /// Reads once, as one of the operations at once.
    void readOnce(long firstCell, int cells) {
        running++;
        stopping = true;
        read(firstCell, cells);
    }

    /// Writes once, likewise.
    void writeOnce(long firstCell, int cells) {
        running++;
        stopping = true;
        write(firstCell, cells);
    }

    private void write(long firstCell, int cells) {
        History.Operation write = history.beginWrite(id(), firstCell, cells, this);
        end(write, volume.write(write.offsetBytes(), filled(cells, write.value())));
    }

    private void read(long firstCell, int cells) {
        History.Operation read = history.beginRead(id(), firstCell, cells, this);
        ByteBuffer into = ByteBuffer.allocate(cells * History.CELL_BYTES);
        ByteBuffer seen = into.duplicate();
        var _ =
                volume.read(read.offsetBytes(), into)
                        .whenComplete((_, failure) ->
                                after(() -> {
                                    if (failure == null) {
                                        history.endRead(read, values(seen, read));
                                    } else {
                                        failed(failure);
                                    }
                                }));
    }

    private void end(History.Operation change, CompletableFuture<Void> done) {
        var _ =
                done.whenComplete((_, failure) ->
                        after(() -> {
                            if (failure == null) {
                                history.endWrite(change);
                            } else {
                                failed(failure);
                            }
                        }));
    }

    /// As an event of its own: what it finds wrong would be lost in a future.
    private void after(Runnable action) {
        process.later(
                java.time.Duration.ZERO,
                () -> {
                    action.run();
                    next();
                });
    }

    private void failed(Throwable failure) {
        switch (failure) {
            case VolumeException e when e.reason() == VolumeException.Reason.FENCED ->
                    fenced = true;
            case VolumeException e
                    when e.reason() == VolumeException.Reason.NO_SPACE
                            || e.reason() == VolumeException.Reason.CORRUPT ->
                    world.tell(process.name + " is told " + e.getMessage());
            default -> throw new AssertionError("an operation failed: " + failure, failure);
        }
    }

    private static ByteBuffer filled(int cells, long value) {
        ByteBuffer bytes = ByteBuffer.allocate(cells * History.CELL_BYTES);
        while (bytes.hasRemaining()) {
            bytes.putLong(value);
        }
        return bytes.flip();
    }

    static long[] values(ByteBuffer seen, Object read) {
        long[] values = new long[seen.remaining() / History.CELL_BYTES];
        for (int i = 0; i < values.length; i++) {
            int at = i * History.CELL_BYTES;
            values[i] = seen.getLong(at);
            for (int j = at; j < at + History.CELL_BYTES; j += Long.BYTES) {
                if (seen.getLong(j) != values[i]) {
                    throw new AssertionError(
                            "%s saw %d and %d in one cell"
                                    .formatted(read, values[i], seen.getLong(j)));
                }
            }
        }
        return values;
    }
}
