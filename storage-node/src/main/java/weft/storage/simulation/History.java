package weft.storage.simulation;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;
import weft.fabric.VolumeId;
import weft.sim.SimWorld;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// What clients did and saw, and the check that it is linearizable.
///
/// Operations are of whole *cells*, four to a block, so that parts of blocks are written, too. Each
/// cell is a register of its own. A write fills its cells with a number that is used once, so what
/// is read names its write; zeroes may be anybody's. Beyond that, what one read sees of one chunk
/// was there at one moment: a write that shows in one cell shows in all that it covers, but where
/// something later does.
final class History {
    /// Four to a block.
    static final int CELL_BYTES = 1024;

    private static final long CELLS_PER_CHUNK = ChunkKey.CHUNK_BYTES / CELL_BYTES;
    private static final long NEVER = Long.MAX_VALUE;

    private static final Holder NOBODY =
            new Holder() {
                @Override
                public long token() {
                    return 0;
                }

                @Override
                public boolean isShared() {
                    return false;
                }
            };

    /// Who does operations.
    interface Holder {
        /// By which it holds the volume now.
        long token();

        /// Whether others may hold it, too: their tokens say nothing about who came later.
        boolean isShared();

        /// Since when all groups know that it does not hold the volume any more.
        default long barredNanos() {
            return Long.MAX_VALUE;
        }
    }

    /// One operation on a range of cells of a volume.
    static final class Operation {
        private final VolumeId volume;
        private final long firstCell;
        private final int cells;
        private final boolean write;
        private final Holder holder;
        private final long start;
        private final long value;
        private long end = NEVER;

        private Operation(
                VolumeId volume,
                long firstCell,
                int cells,
                boolean write,
                Holder holder,
                long value,
                long start) {
            this.volume = volume;
            this.firstCell = firstCell;
            this.cells = cells;
            this.write = write;
            this.holder = holder;
            this.value = value;
            this.start = start;
        }

        /// What its cells hold afterwards; 0 for zeroes.
        long value() {
            return value;
        }

        long offsetBytes() {
            return firstCell * CELL_BYTES;
        }

        int lengthBytes() {
            return cells * CELL_BYTES;
        }

        private boolean covers(long cell) {
            return cell >= firstCell && cell < firstCell + cells;
        }

        @Override
        public String toString() {
            return "%s %s cells %d+%d = %d (token %d, %.3f..%s ms)"
                    .formatted(
                            write ? "write" : "read",
                            volume,
                            firstCell,
                            cells,
                            value,
                            holder.token(),
                            start / 1e6,
                            end == NEVER ? "open" : "%.3f".formatted(end / 1e6));
        }
    }

    /// One cell: who wrote it, and what ended reads saw.
    private static final class Register {
        final List<Operation> writes = new ArrayList<>();
        final Map<Long, Operation> byValue = new HashMap<>();
        final List<Seen> reads = new ArrayList<>();

        /// Who may have written what was read.
        List<Operation> sourcesOf(long value) {
            Operation known = byValue.get(value);
            if (known != null && value != 0) {
                return List.of(known);
            }
            return writes.stream().filter(write -> write.value == value).toList();
        }
    }

    private record Seen(Operation read, long value, List<Operation> sources) {}

    private record Place(VolumeId volume, long cell) {}

    private final SimWorld world;
    private final Map<Place, Register> registers = new HashMap<>();

    /// By chunk, not by cell.
    private final Map<Place, Map<Long, Long>> firstDoneByToken = new HashMap<>();

    private final Map<VolumeId, Map<Long, Long>> initial = new HashMap<>();
    private long values;
    private int done;
    private int doneWrites;

    History(SimWorld world) {
        this.world = world;
    }

    private Register register(VolumeId volume, long cell) {
        return registers.computeIfAbsent(
                new Place(volume, cell),
                _ -> {
                    long value = initial.getOrDefault(volume, Map.of()).getOrDefault(cell, 0L);
                    var first = new Operation(volume, cell, 1, true, NOBODY, value, -2);
                    first.end = -1;
                    var register = new Register();
                    register.writes.add(first);
                    register.byValue.put(value, first);
                    return register;
                });
    }

    /// What a volume that nobody used yet holds: cell → value.
    void begin(VolumeId volume, Map<Long, Long> cells) {
        initial.put(volume, cells);
    }

    /// A write of a number of its own.
    Operation beginWrite(VolumeId volume, long firstCell, int cells, Holder holder) {
        values++;
        return begin(new Operation(volume, firstCell, cells, true, holder, values, now()));
    }

    /// A write of zeroes, or a trim.
    Operation beginZero(VolumeId volume, long firstCell, int cells, Holder holder) {
        return begin(new Operation(volume, firstCell, cells, true, holder, 0, now()));
    }

    private Operation begin(Operation write) {
        for (long cell = write.firstCell; cell < write.firstCell + write.cells; cell++) {
            Register register = register(write.volume, cell);
            register.writes.add(write);
            if (write.value != 0) {
                register.byValue.put(write.value, write);
            }
        }
        return write;
    }

    private long now() {
        return world.nowNanos();
    }

    Operation beginRead(VolumeId volume, long firstCell, int cells, Holder holder) {
        return new Operation(volume, firstCell, cells, false, holder, 0, now());
    }

    void endWrite(Operation write) {
        write.end = now();
        checkFence(write);
        done++;
        doneWrites++;
    }

    /// @param seen the value of each cell
    void endRead(Operation read, long[] seen) {
        read.end = now();
        checkFence(read);
        done++;
        for (int i = 0; i < seen.length; i++) {
            checkCell(read, read.firstCell + i, seen[i]);
        }
        checkTogether(read, seen);
    }

    private void checkCell(Operation read, long cell, long value) {
        Register register = register(read.volume, cell);
        List<Operation> sources = new ArrayList<>();
        @Nullable String objection = null;
        for (Operation source : register.sourcesOf(value)) {
            String why = objectionTo(source, read, register);
            if (why == null) {
                sources.add(source);
            } else {
                objection = why;
            }
        }
        if (sources.isEmpty()) {
            throw new AssertionError(
                    "%s saw %d in cell %d: %s"
                            .formatted(
                                    read,
                                    value,
                                    cell,
                                    objection == null ? "nobody had written it" : objection));
        }
        checkOrder(read, value, register);
        register.reads.add(new Seen(read, value, sources));
    }

    /// Why the read cannot have seen that write.
    private static @Nullable String objectionTo(
            Operation source, Operation read, Register register) {
        if (source.start > read.end) {
            return source + " had not begun";
        }
        for (Operation other : register.writes) {
            if (source.end < other.start && other.end < read.start) {
                return source + " was overwritten by " + other;
            }
        }
        for (Seen earlier : register.reads) {
            boolean older =
                    earlier.read.end < read.start
                            && earlier.sources.stream().allMatch(seen -> source.end < seen.start);
            if (older) {
                return source + " is older than what " + earlier.read + " saw";
            }
        }
        return null;
    }

    /// Once something else was seen, a number does not come back.
    private static void checkOrder(Operation read, long value, Register register) {
        if (value == 0) {
            return;
        }
        long sawSame = NEVER;
        for (Seen earlier : register.reads) {
            if (earlier.value == value && earlier.read.end < read.start) {
                sawSame = Math.min(sawSame, earlier.read.end);
            }
        }
        for (Seen between : register.reads) {
            if (between.value != value
                    && between.read.start > sawSame
                    && between.read.end < read.start) {
                throw new AssertionError(read + " went back: " + between + " came between");
            }
        }
    }

    /// What is seen of one chunk was there at one moment.
    private void checkTogether(Operation read, long[] seen) {
        for (int i = 0; i < seen.length; i++) {
            long cell = read.firstCell + i;
            Operation shown = register(read.volume, cell).byValue.get(seen[i]);
            boolean isNext = seen[i] != 0 && (i == 0 || seen[i] != seen[i - 1]);
            if (shown != null && isNext) {
                checkAllOf(shown, cell / CELLS_PER_CHUNK, read, seen);
            }
        }
    }

    private void checkAllOf(Operation shown, long chunk, Operation read, long[] seen) {
        for (int i = 0; i < seen.length; i++) {
            long cell = read.firstCell + i;
            if (cell / CELLS_PER_CHUNK != chunk || !shown.covers(cell) || seen[i] == shown.value) {
                continue;
            }
            List<Operation> others = register(read.volume, cell).sourcesOf(seen[i]);
            if (others.stream().allMatch(other -> other.end < shown.start)) {
                throw new AssertionError(
                        "%s saw %s, but not in cell %d, where it saw %s"
                                .formatted(read, shown, cell, others));
            }
        }
    }

    /// Once a higher token of one who holds the volume alone had an answer, nothing that began
    /// later with a lower one may have one: for each chunk, because each group learns of the token
    /// by itself.
    private void checkFence(Operation operation) {
        if (operation.start > operation.holder.barredNanos()) {
            throw new AssertionError(operation + " was answered after its holder had to go");
        }
        long last = (operation.firstCell + operation.cells - 1) / CELLS_PER_CHUNK;
        for (long chunk = operation.firstCell / CELLS_PER_CHUNK; chunk <= last; chunk++) {
            Map<Long, Long> firstDone =
                    firstDoneByToken.computeIfAbsent(
                            new Place(operation.volume, chunk), _ -> new HashMap<>());
            long own = operation.holder.token();
            if (!operation.holder.isShared()) {
                firstDone.merge(own, operation.end, Math::min);
            }
            firstDone.forEach((token, first) -> {
                if (token > own && first < operation.start) {
                    throw new AssertionError(
                            operation + " was answered after token " + token + " was in use");
                }
            });
        }
    }

    /// Causal closure of a cut over volumes: no change within it was begun after a change outside
    /// of it was answered. What the snapshots show is within; what was begun after that had ended,
    /// in the same cell, is not.
    void checkCut(List<SimSnapshots.Taken> cut) {
        @Nullable Operation lastWithin = null;
        @Nullable Operation firstOutside = null;
        for (SimSnapshots.Taken taken : cut) {
            for (Map.Entry<Long, Long> cell : taken.cells().entrySet()) {
                Register register = register(taken.snapshot().id(), cell.getKey());
                List<Operation> sources = register.sourcesOf(cell.getValue());
                if (sources.isEmpty()) {
                    throw new AssertionError(
                            "a snapshot of %s holds %d in cell %d, which nobody wrote"
                                    .formatted(
                                            taken.snapshot().id(), cell.getValue(), cell.getKey()));
                }
                boolean known = sources.size() == 1;
                if (known && (lastWithin == null || sources.getFirst().start > lastWithin.start)) {
                    lastWithin = sources.getFirst();
                }
                long ended = sources.stream().mapToLong(source -> source.end).max().orElse(NEVER);
                for (Operation write : register.writes) {
                    boolean first = firstOutside == null || write.end < firstOutside.end;
                    if (write.start > ended && first) {
                        firstOutside = write;
                    }
                }
            }
        }
        if (lastWithin != null && firstOutside != null && firstOutside.end < lastWithin.start) {
            throw new AssertionError(
                    "a cut holds %s, begun after %s was answered, which it does not hold\n%s"
                            .formatted(lastWithin, firstOutside, world.trace()));
        }
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
