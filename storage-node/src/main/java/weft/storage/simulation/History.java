package weft.storage.simulation;

import weft.sim.SimWorld;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// What clients did and saw, and the check that it is linearizable per block: each written value is
/// used once, so a read names its write.
final class History {
    private static final long NEVER = Long.MAX_VALUE;

    /// One operation on one block.
    static final class Operation {
        private final long chunk;
        private final int block;
        private final boolean write;
        private final long token;
        private final long start;
        private long value;
        private long end = NEVER;

        Operation(long chunk, int block, boolean write, long token, long value, long start) {
            this.chunk = chunk;
            this.block = block;
            this.write = write;
            this.token = token;
            this.value = value;
            this.start = start;
        }

        long chunk() {
            return chunk;
        }

        int block() {
            return block;
        }

        boolean isWrite() {
            return write;
        }

        long value() {
            return value;
        }

        boolean isOver() {
            return end != NEVER;
        }

        @Override
        public String toString() {
            return "%s %d/%d = %d (token %d, %.3f..%s ms)"
                    .formatted(
                            write ? "write" : "read",
                            chunk,
                            block,
                            value,
                            token,
                            start / 1e6,
                            end == NEVER ? "open" : "%.3f".formatted(end / 1e6));
        }
    }

    private final SimWorld world;
    private final Map<Long, Map<Long, Operation>> writes = new HashMap<>();
    private final Map<Long, List<Operation>> reads = new HashMap<>();
    private final Map<Long, Long> firstDoneByToken = new HashMap<>();
    private long values;
    private int done;
    private int doneWrites;

    History(SimWorld world) {
        this.world = world;
    }

    private static long place(Operation operation) {
        return operation.chunk * 1000 + operation.block;
    }

    private Map<Long, Operation> writesOf(Operation operation) {
        return writes.computeIfAbsent(
                place(operation),
                _ -> {
                    Map<Long, Operation> of = new HashMap<>();
                    var zero = new Operation(operation.chunk, operation.block, true, 0, 0, -2);
                    zero.end = -1;
                    of.put(0L, zero);
                    return of;
                });
    }

    Operation beginWrite(long chunk, int block, long token) {
        values++;
        var write = new Operation(chunk, block, true, token, values, world.nowNanos());
        writesOf(write).put(values, write);
        return write;
    }

    Operation beginRead(long chunk, int block, long token) {
        return new Operation(chunk, block, false, token, 0, world.nowNanos());
    }

    void endWrite(Operation write) {
        write.end = world.nowNanos();
        checkFence(write);
        done++;
        doneWrites++;
    }

    void endRead(Operation read, long value) {
        read.end = world.nowNanos();
        read.value = value;
        checkFence(read);
        done++;
        Operation source = writesOf(read).get(value);
        if (source == null || source.start > read.end) {
            throw new AssertionError(read + " returned what nobody had written");
        }
        for (Operation other : writesOf(read).values()) {
            if (source.end < other.start && other.end < read.start) {
                throw new AssertionError(
                        read + " returned " + source + ", overwritten by " + other);
            }
        }
        checkReads(read, source);
        reads.computeIfAbsent(place(read), _ -> new ArrayList<>()).add(read);
    }

    private void checkReads(Operation read, Operation source) {
        long sawSame = NEVER;
        List<Operation> before = reads.getOrDefault(place(read), List.of());
        for (Operation earlier : before) {
            if (earlier.end >= read.start) {
                continue;
            }
            Operation seen = writesOf(read).get(earlier.value);
            if (seen != null && source.end < seen.start) {
                throw new AssertionError(read + " is older than what " + earlier + " saw");
            }
            if (earlier.value == read.value) {
                sawSame = Math.min(sawSame, earlier.end);
            }
        }
        for (Operation between : before) {
            if (between.value != read.value
                    && between.start > sawSame
                    && between.end < read.start) {
                throw new AssertionError(read + " went back: " + between + " came between");
            }
        }
    }

    /// Once a higher token had an answer, nothing that began later with a lower one may have one.
    private void checkFence(Operation operation) {
        firstDoneByToken.merge(operation.token, operation.end, Math::min);
        firstDoneByToken.forEach((token, first) -> {
            if (token > operation.token && first < operation.start) {
                throw new AssertionError(
                        operation + " was answered after token " + token + " was in use");
            }
        });
    }

    /// Writes answered.
    int doneWrites() {
        return doneWrites;
    }

    /// Operations answered.
    int doneCount() {
        return done;
    }
}
