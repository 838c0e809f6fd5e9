package weft.storage.replica;

import weft.fabric.Member;

/// What a primary knows of a secondary or a joiner in the present version.
final class Follower {
    final Member member;

    /// Whether it dropped what the primary does not have, so that its acknowledgements count.
    boolean reconciled;

    /// Everything up to it is in the follower's journal.
    long durable;

    /// When something was last sent again, or progress was made.
    long quietSinceNanos;

    Follower(Member member, long durable, long nowNanos) {
        this.member = member;
        this.durable = durable;
        quietSinceNanos = nowNanos;
    }

    /// Notes an acknowledgement.
    void acknowledged(long durableSequence, long nowNanos) {
        if (durableSequence > durable) {
            durable = durableSequence;
            quietSinceNanos = nowNanos;
        }
    }
}
