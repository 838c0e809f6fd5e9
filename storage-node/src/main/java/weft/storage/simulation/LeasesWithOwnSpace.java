package weft.storage.simulation;

import weft.fabric.Member;
import weft.fabric.StoreId;
import weft.storage.replica.LeaseView;

/// What beats say of other stores, and what a node knows of its own, as a server has it.
record LeasesWithOwnSpace(LeaseView leases, SimNode own) implements LeaseView {
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
        return leases.newestIncarnation(store);
    }

    @Override
    public long freeBytes(StoreId store) {
        return store.equals(own.store) ? own.disk.freeBytes() : leases.freeBytes(store);
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
