package weft.storage.replica;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.storage.journal.JournalRecord;
import weft.wire.storage.ReplicaMessage;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.Refused.Reason;

/// Not a member and not wanted, or nothing known yet. Old data are kept until all wanted stores are
/// in sync elsewhere, as a configuration read after a `sync()` says; then they go.
final class Idle implements Role {
    /// An operator who took a store out by mistake has so long to put it back without a full copy.
    private static final long KEEP_MILLIS = 60_000;

    private final ReplicaState state;
    private final long sinceNanos;
    private boolean dropping;

    Idle(ReplicaState state, long nowNanos) {
        this.state = state;
        sinceNanos = nowNanos;
    }

    @Override
    public void onMessage(Member from, ReplicaMessage message, long nowNanos) {}

    @Override
    public void onRequest(long exchange, StorageMessage.Request request, long nowNanos) {
        Role.refuse(state, exchange, Reason.NOT_PRIMARY, "not a member");
    }

    @Override
    public void onTick(long nowNanos) {
        if (state.configuration == null) {
            state.askConfiguration(nowNanos);
        }
    }

    /// The configuration as it is after a `sync()`.
    void onSynced(Configuration configuration, long nowNanos) {
        boolean elsewhere =
                !configuration.wanted().isEmpty()
                        && configuration.wanted().stream().allMatch(configuration::hasStore);
        boolean kept = nowNanos - sinceNanos >= ReplicaSettings.nanos(KEEP_MILLIS);
        if (elsewhere && kept && !dropping && state.versionTaken > 0) {
            dropping = true;
            state.outbox.tell(state.pg + ": data dropped, all wanted stores are in sync elsewhere");
            state.inSync = false;
            state.append(
                    new JournalRecord.Dropped(state.pg, configuration.version()),
                    _ -> state.disk.dropAll(state.nextTicket()));
        }
    }
}
