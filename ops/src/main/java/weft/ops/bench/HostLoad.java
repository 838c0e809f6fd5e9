package weft.ops.bench;

import weft.runtime.BootClock;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// CPU that others took while we measured: all that `/proc/stat` counts as busy, less this process,
/// the children that it has waited for, and servers of ours that run on.
final class HostLoad {
    /// USER_HZ, which Linux has fixed for user space on all architectures.
    private static final double TICKS_PER_SECOND = 100;

    private final long startNanos = BootClock.SYSTEM.nowNanos();
    private final long busyTicks = busyTicks(firstLine("/proc/stat"));
    private final List<Long> servers;
    private final long ownTicks;

    /// Begins to count.
    ///
    /// @param servers pids of processes whose work is ours
    HostLoad(List<Long> servers) throws IOException {
        this.servers = List.copyOf(servers);
        ownTicks = allOwnTicks();
    }

    /// Cores' worth of foreign CPU since the beginning; every child must have been waited for.
    double foreignCores() throws IOException {
        double seconds = (BootClock.SYSTEM.nowNanos() - startNanos) / 1e9;
        long busy = busyTicks(firstLine("/proc/stat")) - busyTicks;
        long own = allOwnTicks() - ownTicks;
        return Math.max(0, (busy - own) / TICKS_PER_SECOND / seconds);
    }

    private long allOwnTicks() throws IOException {
        long own = ownTicks(firstLine("/proc/self/stat"));
        for (long server : servers) {
            own += ownTicks(firstLine("/proc/%d/stat".formatted(server)));
        }
        return own;
    }

    private static String firstLine(String file) throws IOException {
        return Files.readAllLines(Path.of(file)).getFirst();
    }

    /// proc(5): `cpu user nice system idle iowait irq softirq steal guest guest_nice`; guest time
    /// is in user time. Stolen time is taken by others too.
    static long busyTicks(String line) {
        String[] words = line.split(" +");
        long busy = 0;
        for (int i : new int[] {1, 2, 3, 6, 7, 8}) {
            busy += i < words.length ? Long.parseLong(words[i]) : 0;
        }
        return busy;
    }

    /// proc(5): fields 14 to 17 are utime, stime, cutime, cstime; the second, the name, may hold
    /// anything between its parentheses.
    static long ownTicks(String line) {
        String[] words = line.substring(line.lastIndexOf(')') + 2).split(" ");
        long own = 0;
        for (int field = 14; field <= 17; field++) {
            own += Long.parseLong(words[field - 3]);
        }
        return own;
    }
}
