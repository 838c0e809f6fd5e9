package weft.storage.replica;

import weft.fabric.Member;
import weft.fabric.StoreId;

/// What a node's beats say to one of its stores: a lease is its own only if the beat that was
/// answered named it, so one that was left out has none, whatever the node's other stores have.
record StoreLeases(NodeLeases node, StoreId own) implements LeaseView {
    @Override
    public boolean isHeld(Member from, long nowNanos) {
        return node.isHeldFor(own, from, nowNanos);
    }

    @Override
    public long generation(Member from) {
        return node.generationFor(own, from);
    }

    @Override
    public long lastAnsweredNanos(StoreId primary) {
        return node.lastAnsweredNanos(primary);
    }

    @Override
    public long newestIncarnation(StoreId store) {
        return node.newestIncarnation(store);
    }

    @Override
    public long freeBytes(StoreId store) {
        return node.freeBytes(store);
    }

    @Override
    public int slowPercent(StoreId store) {
        return node.slowPercent(store);
    }

    @Override
    public boolean hasEnded(Member life) {
        return node.hasEnded(life);
    }

    @Override
    public boolean isSelfLate(long nowNanos) {
        return node.isSelfLate(nowNanos) || !node.isNamed(own);
    }
}
