package weft.storage.simulation;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/// A file of a [FaultyDisk]: what is in it, and what of that would survive.
final class FaultyFile {
    private static final int SECTOR_BYTES = 512;

    /// What is left of writes that no force made durable.
    enum Survival {
        /// Each sector or not.
        SECTORS,
        /// All up to some moment.
        EARLIER,
        NOTHING;

        static Survival any(Random random) {
            return values()[random.nextInt(values().length)];
        }
    }

    /// A write, or a hole if `bytes` is all zeroes.
    ///
    /// @param number of the disk's change
    record Unforced(long number, long position, byte[] bytes) {}

    final SparseBytes bytes;
    final SparseBytes durable;
    final List<Unforced> unforced = new ArrayList<>();

    FaultyFile() {
        this(new SparseBytes());
    }

    private FaultyFile(SparseBytes contents) {
        bytes = contents;
        durable = contents.copy();
    }

    void force() {
        for (Unforced write : unforced) {
            durable.takePages(bytes, write.position(), write.bytes().length);
        }
        unforced.clear();
    }

    /// What a power cut leaves.
    ///
    /// @param until the change up to which everything survives, if what is earlier does
    FaultyFile survivor(Survival survival, long until, Random random) {
        SparseBytes kept = durable.copy();
        for (Unforced write : unforced) {
            switch (survival) {
                case SECTORS -> keepSectors(write, kept, random);
                case EARLIER -> {
                    if (write.number() < until) {
                        kept.write(write.position(), write.bytes(), 0, write.bytes().length);
                    }
                }
                case NOTHING -> {}
            }
        }
        return new FaultyFile(kept);
    }

    private static void keepSectors(Unforced write, SparseBytes kept, Random random) {
        for (int at = 0; at < write.bytes().length; at += SECTOR_BYTES) {
            if (random.nextBoolean()) {
                int count = Math.min(SECTOR_BYTES, write.bytes().length - at);
                kept.write(write.position() + at, write.bytes(), at, count);
            }
        }
    }
}
