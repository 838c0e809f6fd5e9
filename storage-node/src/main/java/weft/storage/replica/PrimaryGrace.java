package weft.storage.replica;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.storage.disk.SlowShare;
import weft.storage.reconfigure.Reconfiguration;

/// A member's patience with its primary. It promised with each answered beat to leave the primary
/// alone for the grace; when that is over it proposes itself, and whoever wins the compare-and-set
/// stays.
final class PrimaryGrace {
    private static final long SLOW_MORE_MILLIS = 1_000;
    private static final long NEVER = Long.MIN_VALUE;

    private final ReplicaState state;
    private final Member primary;
    private final long sinceNanos;
    private long lastLookNanos;
    private long otherLifeSinceNanos = NEVER;

    PrimaryGrace(ReplicaState state, Member primary, long nowNanos) {
        this.state = state;
        this.primary = primary;
        sinceNanos = nowNanos;
        lastLookNanos = nowNanos;
    }

    /// Whether a member that has gone on all the time may replace the primary: at once if that one
    /// is back in another life. Its journal may lack what its disk had said was durable, and it
    /// alone would not know; so who went on leads, and it catches up.
    boolean isOverForWhoWentOn(long nowNanos) {
        return (isGone(primary) && enoughGoOn()) || isOver(nowNanos);
    }

    /// Whether the primary's own store, in its next life, may lead again: if nobody went on, or
    /// none of them has taken the lead for so long.
    boolean isOverForItsNextLife(long nowNanos) {
        boolean isAlone =
                state.current().members().stream()
                        .allMatch(m -> m.store().equals(state.self.store()) || isGone(m));
        return isAlone || nowNanos - sinceNanos > graceNanos();
    }

    /// Whether the primary may be replaced. A node that was late itself accuses nobody.
    boolean isOver(long nowNanos) {
        if (state.leases.hasEnded(primary) && enoughGoOn()) {
            return true; // No promise binds anybody to who can rely on it no more.
        }
        boolean late =
                nowNanos - lastLookNanos > ReplicaSettings.nanos(state.settings.lateMillis());
        lastLookNanos = nowNanos;
        long graceNanos = graceNanos();
        if (state.leases.newestIncarnation(primary.store()) <= primary.incarnation()) {
            otherLifeSinceNanos = NEVER;
        } else if (otherLifeSinceNanos == NEVER) {
            otherLifeSinceNanos = nowNanos;
        }
        if (late || state.leases.isSelfLate(nowNanos)) {
            return false;
        }
        // Its process runs again, but that life has not claimed the group: its data are not whole.
        boolean diedForGood =
                otherLifeSinceNanos != NEVER && nowNanos - otherLifeSinceNanos > graceNanos;
        long answered = state.leases.lastAnsweredNanos(primary.store());
        return diedForGood || nowNanos - answered > graceNanos;
    }

    /// Who has a slow disk leaves it to another.
    private long graceNanos() {
        boolean isSlow = SlowShare.isSlow(state.leases.slowPercent(state.self.store()));
        return ReplicaSettings.nanos(
                state.settings.graceMillis() + (isSlow ? SLOW_MORE_MILLIS : 0));
    }

    private boolean isGone(Member member) {
        return state.leases.hasEnded(member)
                || state.leases.newestIncarnation(member.store()) > member.incarnation();
    }

    /// Where all nodes are stopped at once it makes no sense that each gives up those before it:
    /// only the last would be a member when they are started again.
    private boolean enoughGoOn() {
        Configuration current = state.current();
        long left = current.members().stream().filter(m -> !isGone(m)).count();
        return left >= current.minReplicas();
    }

    /// Proposes this replica as primary.
    void takeOver(long nowNanos) {
        Configuration next = Reconfiguration.takeOver(state.current(), state.self);
        state.outbox.tell(
                "%s: primary %s is silent, proposing v%d with %s"
                        .formatted(state.pg, primary, next.version(), next.members()));
        state.propose(next, state.heldLeases(next.members(), nowNanos));
    }
}
