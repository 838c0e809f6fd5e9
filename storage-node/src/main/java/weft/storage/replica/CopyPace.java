package weft.storage.replica;

import com.google.errorprone.annotations.concurrent.GuardedBy;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;

/// How fast chunks are copied to one store, for all of its groups that catch up together: the disks
/// are there for clients, and unpaced copying took more than half of their writes (docs/scale.md).
/// The more the two disks of a copy do for writers, the slower; and a group that only moves, with
/// all its copies elsewhere, at half the pace of one that lacks some.
///
/// A chunk is paid for with time when it is asked for, as if all of it were to come; what it really
/// took is settled when it has come. A group that had its turn leaves the next to those that wait.
///
/// Thread-safe.
public final class CopyPace {
    /// Where the disks have nothing else to do.
    private static final long BYTES_PER_SECOND_MAX = 128L << 20;

    /// In any case.
    private static final long BYTES_PER_SECOND_MIN = 8L << 20;

    /// Of what is paid for later, at the most: groups look for their turns at their ticks only.
    private static final long AHEAD_NANOS_MAX = 250_000_000;

    /// Who has not asked for so long does not wait any more.
    private static final long WAITING_NANOS_MAX = 1_000_000_000;

    @GuardedBy("this")
    private long paidToNanos = Long.MIN_VALUE / 2;

    /// Those that were refused, and when they asked last.
    @GuardedBy("this")
    private final Map<PlacementGroupId, Long> waiting = new HashMap<>();

    /// Those that had a turn while others waited.
    @GuardedBy("this")
    private final Set<PlacementGroupId> served = new HashSet<>();

    @GuardedBy("this")
    private long lookedNanos = Long.MIN_VALUE / 2;

    /// Whether the group may ask for a chunk now.
    ///
    /// @param busyPercent of the busier of the two disks; see [ReplicaDisk#busyPercent]
    /// @param isMove no copy is missing meanwhile
    /// @return what it has paid, in nanoseconds; empty if it is to wait
    synchronized OptionalLong begin(
            PlacementGroupId group, int busyPercent, boolean isMove, long nowNanos) {
        forgetWhoIsGone(nowNanos);
        if (served.contains(group)) {
            if (!waiting.isEmpty()) {
                return OptionalLong.empty();
            }
            served.clear();
        }
        long paidNanos = nanosOf(ChunkKey.CHUNK_BYTES, busyPercent, isMove);
        boolean isFree =
                paidToNanos <= nowNanos || paidToNanos + paidNanos <= nowNanos + AHEAD_NANOS_MAX;
        if (!isFree) {
            waiting.put(group, nowNanos);
            return OptionalLong.empty();
        }
        waiting.remove(group);
        served.add(group);
        paidToNanos = Math.max(paidToNanos, nowNanos) + paidNanos;
        return OptionalLong.of(paidNanos);
    }

    /// The group has nothing to ask for any more.
    synchronized void leave(PlacementGroupId group) {
        waiting.remove(group);
    }

    @GuardedBy("this")
    private void forgetWhoIsGone(long nowNanos) {
        if (nowNanos - lookedNanos > WAITING_NANOS_MAX) {
            waiting.values().removeIf(asked -> nowNanos - asked > WAITING_NANOS_MAX);
            lookedNanos = nowNanos;
        }
    }

    /// What was paid for has come, with so many bytes: none if it never will.
    synchronized void settle(long paidNanos, long bytes, int busyPercent, boolean isMove) {
        paidToNanos += nanosOf(bytes, busyPercent, isMove) - paidNanos;
    }

    private static long nanosOf(long bytes, int busyPercent, boolean isMove) {
        return bytes * (isMove ? 2_000_000_000L : 1_000_000_000) / bytesPerSecond(busyPercent);
    }

    /// From the greatest to the least by the square of what is left of the disks' time.
    static long bytesPerSecond(int busyPercent) {
        long left = 100 - Math.clamp(busyPercent, 0, 100);
        long span = BYTES_PER_SECOND_MAX - BYTES_PER_SECOND_MIN;
        return BYTES_PER_SECOND_MIN + span * left * left / 10_000;
    }
}
