package weft.storage.replica;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.storage.disk.SlowShare;
import weft.storage.reconfigure.Reconfiguration;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// A primary does without a member whose disk is slow, itself included: all writes wait for the
/// slowest member, and reads for the primary. Each store measures its own disk and tells of it in
/// its beats ([weft.wire.storage.StorageMessage.StoreBeat]), so a disk is known before a group
/// needs it.
///
/// Slow is only what others are not: where all disks stall, nobody goes. And slow is better than
/// not at all: enough members to answer writes must be left that are well.
final class SlowMembers {
    private final ReplicaState state;

    SlowMembers(ReplicaState state) {
        this.state = state;
    }

    /// The next configuration if a member is slow.
    Optional<Configuration> without(Configuration current, long nowNanos) {
        return current.members().stream()
                .filter(member -> SlowShare.isSlow(percent(member)))
                .max(Comparator.comparingInt(this::percent))
                .flatMap(slowest -> without(slowest, current, nowNanos));
    }

    private int percent(Member member) {
        return state.leases.slowPercent(member.store());
    }

    private Optional<Configuration> without(Member slowest, Configuration current, long nowNanos) {
        List<Member> well =
                current.members().stream()
                        .filter(m -> SlowShare.isWellBeside(percent(slowest), percent(m)))
                        .filter(member -> isThere(member, nowNanos))
                        .toList();
        if (well.size() < current.minReplicas()) {
            return Optional.empty();
        }
        state.outUntilNanos.put(
                slowest, nowNanos + ReplicaSettings.nanos(state.settings.slowOutMillis()));
        state.outbox.tell(
                "%s: the disk of %s kept clients waiting for %d %% of the last seconds"
                        .formatted(state.pg, slowest, percent(slowest)));
        return Optional.of(
                slowest.equals(state.self)
                        ? Reconfiguration.handOver(current, well.getFirst())
                        : Reconfiguration.remove(current, Set.of(slowest.store())));
    }

    private boolean isThere(Member member, long nowNanos) {
        return member.equals(state.self)
                || (state.leases.isHeld(member, nowNanos) && !state.leases.hasEnded(member));
    }

    /// Whether the own disk keeps a version from being taken, so that a member had better lead
    /// whose disk is well.
    Optional<Configuration> withoutSelf(Configuration current, long nowNanos) {
        return SlowShare.isSlow(percent(state.self))
                ? without(state.self, current, nowNanos)
                : Optional.empty();
    }

    /// Whether a store may lead, or be a member again, as far as its disk goes.
    boolean isAble(Member member, long nowNanos) {
        return !SlowShare.isSlow(percent(member))
                && nowNanos >= state.outUntilNanos.getOrDefault(member, Long.MIN_VALUE);
    }

    /// Whether it may be taken in: where writes wait for want of members, any disk will do.
    boolean mayJoin(Member member, Configuration current, long nowNanos) {
        return current.members().size() < current.minReplicas() || isAble(member, nowNanos);
    }
}
