package weft.ops.bench.disk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/// The device below a folder, as the kernel counts what is written to it: also by others. (What
/// `/proc/PID/io` counts is no use: a block in a large folio of the page cache counts as the
/// whole.)
final class BlockDevice {
    private static final int SECTOR_BYTES = 512;
    private static final int SYNC_SECONDS_MAX = 60;

    private final Path counters;

    private BlockDevice(Path counters) {
        this.counters = counters;
    }

    /// Nothing where the folder is not on one, as on tmpfs.
    static Optional<BlockDevice> below(Path folder) throws IOException {
        long number = (long) Files.getAttribute(folder, "unix:dev");
        // Of Linux' dev_t, as makedev(3) says.
        long major = number >>> 8 & 0xfff | number >>> 32 & 0xffff_f000L;
        long minor = number & 0xff | number >>> 12 & 0xffff_ff00L;
        Path counters = Path.of("/sys/dev/block/%d:%d/stat".formatted(major, minor));
        return Files.exists(counters) ? Optional.of(new BlockDevice(counters)) : Optional.empty();
    }

    /// What was written so far, page caches included: they are written first.
    long writtenBytes() throws IOException, InterruptedException {
        Process sync = new ProcessBuilder("sync").start();
        if (!sync.waitFor(SYNC_SECONDS_MAX, TimeUnit.SECONDS)) {
            sync.destroyForcibly();
            throw new IOException("sync takes more than a minute");
        }
        return writtenBytes(Files.readString(counters));
    }

    /// The kernel's Documentation/block/stat.rst: the seventh number is sectors written.
    static long writtenBytes(String counters) {
        return Long.parseLong(counters.strip().split(" +")[6]) * SECTOR_BYTES;
    }
}
