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

    /// What the coordination has although this store took a higher version; 0 if all is well.
    private long behindVersion;

    Idle(ReplicaState state, long nowNanos) {
        this.state = state;
        sinceNanos = nowNanos;
    }

    @Override
    public void onMessage(Member from, ReplicaMessage message, long nowNanos) {}

    @Override
    public void onRequest(long exchange, StorageMessage.Request request, long nowNanos) {
        if (behindVersion > 0) {
            Role.refuse(state, exchange, Reason.NOT_SERVING, whyBehind());
        } else {
            Role.refuse(state, exchange, Reason.NOT_PRIMARY, "not a member");
        }
    }

    /// The coordination has forgotten what this store acted in: to serve would be to undo it.
    void onBehind(Configuration read) {
        if (behindVersion != read.version()) {
            behindVersion = read.version();
            state.outbox.tell(state.pg + ": " + whyBehind());
        }
    }

    private String whyBehind() {
        return ("not serving: the coordination has v%d, this store took v%d;"
                        + " was it restored from an old copy?")
                .formatted(behindVersion, state.versionTaken);
    }

    @Override
    public void onTick(long nowNanos) {
        Configuration known = state.configuration;
        if (known == null || (behindVersion == 0 && mayDrop(known, nowNanos))) {
            state.askConfiguration(nowNanos);
        }
    }

    private boolean mayDrop(Configuration configuration, long nowNanos) {
        boolean elsewhere =
                !configuration.wanted().isEmpty()
                        && configuration.wanted().stream().allMatch(configuration::hasStore);
        boolean kept = nowNanos - sinceNanos >= ReplicaSettings.nanos(KEEP_MILLIS);
        return elsewhere && kept && !state.dropped && state.versionTaken > 0;
    }

    /// The configuration as it is after a `sync()`.
    void onSynced(Configuration configuration, long nowNanos) {
        if (mayDrop(configuration, nowNanos)) {
            state.dropped = true;
            state.outbox.tell(state.pg + ": data dropped, all wanted stores are in sync elsewhere");
            state.inSync = false;
            state.append(
                    new JournalRecord.Dropped(state.pg, configuration.version()),
                    _ -> state.disk.dropAll(state.nextTicket()));
        }
    }
}
