package weft.storage.replica;

import weft.fabric.Member;
import weft.fabric.StoreId;

/// What the node's beats say of other stores. Safe from any thread.
public interface LeaseView {
    /// Whether the lease from this member is held: it answered a beat sent less than the lease
    /// period ago, in this life.
    boolean isHeld(Member from, long nowNanos);

    /// How often the lease from this member was gained anew after a lapse; 0 = never had. While it
    /// is the same number and held, there was no lapse.
    long generation(Member from);

    /// When this node last answered a beat of the node of that store, in any of its lives; the
    /// node's start if never.
    long lastAnsweredNanos(StoreId primary);

    /// The newest life of the store that was heard of, 0 if none.
    long newestIncarnation(StoreId store);

    /// What the store may still hold; Long.MAX_VALUE if unknown.
    long freeBytes(StoreId store);

    /// How much of the last seconds the store's disk kept writers waiting, 0 to 100; 0 if unknown.
    int slowPercent(StoreId store);

    /// Whether this life is known to be over: nothing comes from it any more. Its node says so when
    /// it is stopped, or who ran its process and saw it end.
    boolean hasEnded(Member life);

    /// Whether this node was late itself: then it accuses nobody.
    boolean isSelfLate(long nowNanos);
}
