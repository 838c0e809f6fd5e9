package weft.ops.bench.disk;

import java.util.List;

/// One kind of work for a disk.
///
/// @param depth how many requests are under way at once
public record DiskLoad(String name, Pattern pattern, int blockBytes, int depth) {
    /// In which order, and which way.
    public enum Pattern {
        RANDOM_WRITE("randwrite", true, true),
        RANDOM_READ("randread", true, false),
        WRITE("write", false, true),
        READ("read", false, false);

        private final String fio;
        private final boolean random;
        private final boolean writes;

        Pattern(String fio, boolean random, boolean writes) {
            this.fio = fio;
            this.random = random;
            this.writes = writes;
        }

        /// As fio's `--rw` has it.
        String fio() {
            return fio;
        }

        boolean isRandom() {
            return random;
        }

        boolean writes() {
            return writes;
        }
    }

    private static final int SMALL = 4 << 10;
    private static final int LARGE = 1 << 20;

    /// The six that storage is judged by.
    public static final List<DiskLoad> ALL =
            List.of(
                    new DiskLoad("write4k-qd1", Pattern.RANDOM_WRITE, SMALL, 1),
                    new DiskLoad("write4k-qd32", Pattern.RANDOM_WRITE, SMALL, 32),
                    new DiskLoad("read4k-qd1", Pattern.RANDOM_READ, SMALL, 1),
                    new DiskLoad("read4k-qd32", Pattern.RANDOM_READ, SMALL, 32),
                    new DiskLoad("write1m-qd8", Pattern.WRITE, LARGE, 8),
                    new DiskLoad("read1m-qd8", Pattern.READ, LARGE, 8));

    /// Whether it is told in bytes rather than in operations.
    boolean isLarge() {
        return blockBytes >= LARGE;
    }

    /// Whether the bytes that reach the disks are told too; that takes a wait of its own.
    boolean isDrained() {
        return pattern.writes() && depth > 1;
    }
}
