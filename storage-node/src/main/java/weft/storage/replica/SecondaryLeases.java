package weft.storage.replica;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.StoreId;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// A primary's leases from the secondaries of one configuration, and whom it gives up.
///
/// A lease counts only if it was held when the version was proposed and never lapsed since: a
/// secondary that proposed itself did so in a lapse, and its proposal fails once this version
/// exists.
final class SecondaryLeases {
    /// Beyond the grace: for a secondary's compare-and-set to come first.
    private static final long SPARED_MORE_MILLIS = 1_000;

    private final ReplicaState state;
    private final Configuration configuration;
    private final Map<StoreId, Long> captured;
    private final List<Member> secondaries;
    private final Map<StoreId, Long> silentSince = new HashMap<>();
    private final long startedNanos;

    /// @param captured generations of the leases held when the configuration was proposed
    SecondaryLeases(
            ReplicaState state,
            Configuration configuration,
            Map<StoreId, Long> captured,
            long nowNanos) {
        this.state = state;
        this.configuration = configuration;
        this.captured = Map.copyOf(captured);
        secondaries = configuration.members().stream().filter(m -> !m.equals(state.self)).toList();
        startedNanos = nowNanos;
    }

    /// Whether no other primary can exist now.
    boolean areAllUnbroken(long nowNanos) {
        for (Member secondary : secondaries) {
            if (!isUnbroken(secondary, nowNanos)) {
                return false;
            }
        }
        return true;
    }

    /// The same if what is proposed has been decided.
    boolean areUnbroken(ReplicaState.Pending proposed, long nowNanos) {
        for (Member member : proposed.next().members()) {
            if (!member.equals(state.self) && !isUnbroken(member, proposed.captured(), nowNanos)) {
                return false;
            }
        }
        return true;
    }

    private boolean isUnbroken(Member member, long nowNanos) {
        return isUnbroken(member, captured, nowNanos);
    }

    private boolean isUnbroken(Member member, Map<StoreId, Long> since, long nowNanos) {
        Long generation = since.get(member.store());
        return generation != null
                && generation == state.leases.generation(member)
                && state.leases.isHeld(member, nowNanos);
    }

    /// Whether some lease is held that does not count: a new version makes it count.
    boolean isAnyRegained(long nowNanos) {
        for (Member secondary : secondaries) {
            if (state.leases.isHeld(secondary, nowNanos) && !isUnbroken(secondary, nowNanos)) {
                return true;
            }
        }
        return false;
    }

    /// Members to do without: those that run in another life or say they are not whole, and the
    /// silent, among them those whose process is known to have ended. The silent are spared a while
    /// if too few would be left to answer writes: perhaps it is this node that hears nobody, and
    /// then one of them should take over instead.
    ///
    /// @param disowned stores that say they are not what the configuration takes them for
    Set<StoreId> failed(Set<StoreId> disowned, long nowNanos) {
        Set<StoreId> failed = new HashSet<>();
        Set<StoreId> silent = new HashSet<>();
        long longestNanos = 0;
        for (Member member : secondaries) {
            StoreId store = member.store();
            if (disowned.contains(store)
                    || state.leases.newestIncarnation(store) > member.incarnation()) {
                failed.add(store);
            } else if (state.leases.isHeld(member, nowNanos) && !state.leases.hasEnded(member)) {
                silentSince.remove(store);
            } else if (state.leases.hasEnded(member) || hadTime(store, nowNanos)) {
                silent.add(store);
                long since = silentSince.computeIfAbsent(store, _ -> nowNanos);
                longestNanos = Math.max(longestNanos, nowNanos - since);
            }
        }
        int left = configuration.members().size() - failed.size() - silent.size();
        long sparedMillis = state.settings.graceMillis() + SPARED_MORE_MILLIS;
        if (left >= configuration.minReplicas()
                || longestNanos > ReplicaSettings.nanos(sparedMillis)) {
            failed.addAll(silent);
        }
        return failed;
    }

    /// A lease that was never held may still come: after a restart of everything, beats begin anew.
    private boolean hadTime(StoreId store, long nowNanos) {
        return captured.containsKey(store)
                || nowNanos - startedNanos > ReplicaSettings.nanos(state.settings.leaseMillis());
    }
}
