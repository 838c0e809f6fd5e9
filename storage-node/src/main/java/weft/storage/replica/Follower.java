package weft.storage.replica;

import weft.fabric.Member;

/// What a primary knows of a secondary or a joiner in the present version.
final class Follower {
    /// Longer than any pause of a disk that works.
    private static final long STUCK_MILLIS = 10_000;

    final Member member;

    /// Whether it dropped what the primary does not have, so that its acknowledgements count.
    boolean reconciled;

    /// Everything up to it is in the follower's journal.
    long durable;

    /// When something was last sent again, or progress was made.
    long quietSinceNanos;

    /// When it was last seen to have everything, or to make progress.
    long progressNanos;

    Follower(Member member, long durable, long nowNanos) {
        progressNanos = nowNanos;
        this.member = member;
        this.durable = durable;
        quietSinceNanos = nowNanos;
    }

    /// Notes an acknowledgement.
    void acknowledged(long durableSequence, long nowNanos) {
        if (durableSequence > durable) {
            durable = durableSequence;
            quietSinceNanos = nowNanos;
            progressNanos = nowNanos;
        }
    }

    /// Whether it lacked something all the while and made no progress.
    boolean isStuck(long tail, long nowNanos) {
        if (reconciled && durable >= tail) {
            progressNanos = nowNanos;
        }
        return nowNanos - progressNanos > ReplicaSettings.nanos(STUCK_MILLIS);
    }
}
