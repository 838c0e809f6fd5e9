package weft.storage.replica;

import weft.fabric.Configuration;
import weft.wire.storage.Entry;
import weft.wire.storage.ReplicaMessage.CommitPoint;
import weft.wire.storage.ReplicaMessage.Prepare;
import weft.wire.storage.ReplicaMessage.Reconcile;

import java.util.Collection;
import java.util.List;

/// What a primary sends of its log, for one configuration: each entry to all secondaries and
/// learners as it gets its sequence, again to those that lack some, and how far is committed.
final class FollowerFeed {
    /// Entries sent at once to one that lacks them; its acknowledgement asks for more.
    private static final int BURST_MAX = 2048;

    private final ReplicaState state;
    private final Configuration configuration;
    private final Collection<Follower> followers;
    private final CatchUpSource source;
    private final long openAtStart;
    private long commitTold;

    /// @param followers the primary's secondaries, which it owns
    /// @param openAtStart the end of the list with which the version began
    FollowerFeed(
            ReplicaState state,
            Configuration configuration,
            Collection<Follower> followers,
            CatchUpSource source,
            long openAtStart) {
        this.state = state;
        this.configuration = configuration;
        this.followers = followers;
        this.source = source;
        this.openAtStart = openAtStart;
    }

    /// Sends a new entry to all, before it is in the own list.
    void send(Entry entry) {
        followers.forEach(follower -> sendPrepare(follower, entry));
        source.learners().forEach(learner -> sendPrepare(learner.follower, entry));
        commitTold = state.list.committed();
    }

    /// Begins the version with a secondary.
    void reconcile(Follower follower, long nowNanos) {
        follower.quietSinceNanos = nowNanos;
        state.outbox.send(
                follower.member.store(),
                new Reconcile(
                        state.pg, configuration.version(), state.list.committed(), openAtStart));
        sendOpen(follower, state.list.committed());
    }

    /// Sends what follows `after`, as far as one burst goes.
    private void sendOpen(Follower follower, long after) {
        long end = Math.min(state.list.tail(), after + BURST_MAX);
        for (long sequence = after + 1; sequence <= end; sequence++) {
            sendPrepare(follower, state.list.get(sequence));
        }
    }

    private void sendPrepare(Follower follower, Entry entry) {
        state.outbox.send(
                follower.member.store(),
                new Prepare(state.pg, configuration.version(), state.list.committed(), entry));
    }

    /// Tells how far is committed, if no entry has said so since.
    void tellCommit() {
        long committed = state.list.committed();
        if (commitTold < committed) {
            commitTold = committed;
            var point = new CommitPoint(state.pg, configuration.version(), committed);
            followers.forEach(f -> state.outbox.send(f.member.store(), point));
            source.learners().forEach(l -> state.outbox.send(l.follower.member.store(), point));
        }
    }

    /// Sends again to those that said nothing for a while.
    void resendToQuiet(long nowNanos) {
        long quiet = ReplicaSettings.nanos(state.settings.resendMillis());
        for (Follower follower : followers) {
            if (nowNanos - follower.quietSinceNanos < quiet) {
                continue;
            }
            if (!follower.reconciled) {
                reconcile(follower, nowNanos);
            } else if (follower.durable < state.list.tail()) {
                resend(follower, nowNanos);
            }
        }
        for (CatchUpSource.Learner learner : List.copyOf(source.learners())) {
            if (nowNanos - learner.follower.quietSinceNanos >= quiet
                    && learner.follower.durable < state.list.tail()) {
                resendToLearner(learner, nowNanos);
            }
        }
    }

    /// The secondary lacks something.
    void resend(Follower follower, long nowNanos) {
        if (mayResend(follower, nowNanos)) {
            sendOpen(follower, Math.max(follower.durable, state.list.committed()));
        }
    }

    /// The learner was accepted, or has not heard of that; it begins anew if what it lacks by now
    /// is no longer here.
    void begin(CatchUpSource.Learner learner) {
        if (!forgetIfGone(learner)) {
            sendOpen(learner.follower, learner.follower.durable);
        }
    }

    /// The learner lacks something; it begins anew if that is no longer here.
    void resendToLearner(CatchUpSource.Learner learner, long nowNanos) {
        if (!forgetIfGone(learner) && mayResend(learner.follower, nowNanos)) {
            sendOpen(learner.follower, learner.follower.durable);
        }
    }

    /// Whether the next entry for it was let go of. One that is proposed stays: it may be a member.
    private boolean forgetIfGone(CatchUpSource.Learner learner) {
        long next = learner.follower.durable + 1;
        if (next > state.list.tail() || state.list.has(next)) {
            return false;
        }
        if (state.pending == null) {
            source.forget(learner);
        }
        return true;
    }

    /// A burst is sent again at most every 20 ms, however many acknowledgements say "lacking".
    private static boolean mayResend(Follower follower, long nowNanos) {
        if (nowNanos - follower.quietSinceNanos < ReplicaSettings.nanos(20)) {
            return false;
        }
        follower.quietSinceNanos = nowNanos;
        return true;
    }
}
