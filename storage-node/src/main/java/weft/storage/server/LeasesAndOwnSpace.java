package weft.storage.server;

import weft.fabric.Member;
import weft.fabric.StoreId;
import weft.storage.replica.LeaseView;
import weft.storage.store.Store;

/// What beats say of other stores, and what this store knows of itself.
record LeasesAndOwnSpace(LeaseView leases, Store own) implements LeaseView {
    @Override
    public boolean isHeld(Member from, long nowNanos) {
        return leases.isHeld(from, nowNanos);
    }

    @Override
    public long generation(Member from) {
        return leases.generation(from);
    }

    @Override
    public long lastAnsweredNanos(StoreId primary) {
        return leases.lastAnsweredNanos(primary);
    }

    @Override
    public long newestIncarnation(StoreId store) {
        return store.equals(own.id())
                ? own.member().incarnation()
                : leases.newestIncarnation(store);
    }

    @Override
    public long freeBytes(StoreId store) {
        return store.equals(own.id()) ? own.freeBytes() : leases.freeBytes(store);
    }

    @Override
    public int slowPercent(StoreId store) {
        return leases.slowPercent(store);
    }

    @Override
    public boolean hasEnded(Member life) {
        return leases.hasEnded(life);
    }

    @Override
    public boolean isSelfLate(long nowNanos) {
        return leases.isSelfLate(nowNanos);
    }
}
