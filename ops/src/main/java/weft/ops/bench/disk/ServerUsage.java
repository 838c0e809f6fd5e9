package weft.ops.bench.disk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// What processes have used since they were started.
///
/// @param cpuSeconds user and system
/// @param writtenBytes that they had the kernel write to disks, or will: a page of the page cache
///   counts when it becomes dirty
record ServerUsage(double cpuSeconds, long writtenBytes) {
    /// USER_HZ, which Linux has fixed for user space on all architectures.
    private static final double TICKS_PER_SECOND = 100;

    static ServerUsage of(List<Long> pids) throws IOException {
        double cpuSeconds = 0;
        long writtenBytes = 0;
        for (long pid : pids) {
            Path folder = Path.of("/proc", Long.toString(pid));
            cpuSeconds += cpuSeconds(Files.readString(folder.resolve("stat")));
            writtenBytes += writtenBytes(Files.readAllLines(folder.resolve("io")));
        }
        return new ServerUsage(cpuSeconds, writtenBytes);
    }

    /// proc(5): fields 14 and 15 are utime and stime; the second, the name, may hold anything
    /// between its parentheses.
    static double cpuSeconds(String stat) {
        String[] words = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        return (Long.parseLong(words[11]) + Long.parseLong(words[12])) / TICKS_PER_SECOND;
    }

    /// proc(5), `/proc/PID/io`.
    static long writtenBytes(List<String> io) throws IOException {
        for (String line : io) {
            if (line.startsWith("write_bytes: ")) {
                return Long.parseLong(line.substring("write_bytes: ".length()).strip());
            }
        }
        throw new IOException("this kernel does not count what processes write (/proc/PID/io)");
    }

    ServerUsage since(ServerUsage before) {
        return new ServerUsage(cpuSeconds - before.cpuSeconds, writtenBytes - before.writtenBytes);
    }
}
