package weft.ops.bench.disk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// What processes have used since they were started.
///
/// @param cpuSeconds user and system
record ServerUsage(double cpuSeconds) {
    /// USER_HZ, which Linux has fixed for user space on all architectures.
    private static final double TICKS_PER_SECOND = 100;

    static ServerUsage of(List<Long> pids) throws IOException {
        double cpuSeconds = 0;
        for (long pid : pids) {
            cpuSeconds += cpuSeconds(Files.readString(Path.of("/proc/%d/stat".formatted(pid))));
        }
        return new ServerUsage(cpuSeconds);
    }

    /// proc(5): fields 14 and 15 are utime and stime; the second, the name, may hold anything
    /// between its parentheses.
    static double cpuSeconds(String stat) {
        String[] words = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        return (Long.parseLong(words[11]) + Long.parseLong(words[12])) / TICKS_PER_SECOND;
    }

    ServerUsage since(ServerUsage before) {
        return new ServerUsage(cpuSeconds - before.cpuSeconds);
    }
}
