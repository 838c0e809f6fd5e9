package weft.storage.server;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.PlacementGroupId;
import weft.storage.store.Store;

import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/// Whose turn it is to be scrubbed, in one of the two ways: groups that were asked for, then those
/// that have waited longest. When a group was done is kept by the store, so a node that was stopped
/// goes on where it was.
final class ScrubTurns {
    private static final Logger log = LoggerFactory.getLogger(ScrubTurns.class);

    /// A group whose scrubbing did not get through is left alone for so long, or for a period.
    private static final long AGAIN_MILLIS_MAX = 600_000;

    private final Store store;
    private final Function<PlacementGroupId, byte[]> key;
    private final Set<PlacementGroupId> asked = new LinkedHashSet<>();
    private final Map<PlacementGroupId, Long> turns = new HashMap<>();
    private final Map<PlacementGroupId, Long> failedMillis = new HashMap<>();
    private @Nullable PlacementGroupId current;
    private long skippedGroups;

    /// @param key of a group's time in the store
    ScrubTurns(Store store, Function<PlacementGroupId, byte[]> key) {
        this.store = store;
        this.key = key;
    }

    /// Has these scrubbed now, whenever their turn would be.
    void ask(Collection<HostedReplica> groups) {
        groups.forEach(replica -> asked.add(replica.pg()));
    }

    /// The next of the groups that are for this store to scrub, which is now under way; empty if
    /// none is due. One that was asked for and is no more for this store is passed over.
    Optional<HostedReplica> next(
            Collection<HostedReplica> groups, Duration period, long nowMillis) {
        Set<PlacementGroupId> here = new LinkedHashSet<>();
        groups.forEach(replica -> here.add(replica.pg()));
        int before = asked.size();
        asked.retainAll(here);
        skippedGroups += before - asked.size();
        Optional<HostedReplica> next =
                groups.stream()
                        .filter(replica ->
                                asked.contains(replica.pg())
                                        || isDue(replica.pg(), period, nowMillis))
                        .min(
                                Comparator.comparing((HostedReplica r) -> !asked.contains(r.pg()))
                                        .thenComparing(r -> turnMillis(r.pg(), nowMillis)));
        next.ifPresent(replica -> current = replica.pg());
        return next;
    }

    private boolean isDue(PlacementGroupId pg, Duration period, long nowMillis) {
        long again = Math.min(AGAIN_MILLIS_MAX, period.toMillis());
        return nowMillis - failedMillis.getOrDefault(pg, 0L) >= again
                && nowMillis - turnMillis(pg, nowMillis) >= period.toMillis();
    }

    /// From when on the group waits. One that is new here is due a period from now.
    private long turnMillis(PlacementGroupId pg, long nowMillis) {
        return Math.abs(kept(pg, nowMillis));
    }

    /// Below zero if the group was never scrubbed here.
    private long kept(PlacementGroupId pg, long nowMillis) {
        return turns.computeIfAbsent(
                pg,
                _ -> {
                    try {
                        long known = store.keptMillis(key.apply(pg));
                        if (known == 0) {
                            known = -nowMillis;
                            store.keepMillis(key.apply(pg), known);
                        }
                        return known;
                    } catch (IOException e) {
                        log.warn("{} {}: {}", store.id(), pg, e.getMessage());
                        return -nowMillis;
                    }
                });
    }

    /// What [#next] gave is done.
    void done(PlacementGroupId pg, long nowMillis) {
        try {
            store.keepMillis(key.apply(pg), nowMillis);
        } catch (IOException e) {
            log.warn("{} {}: {}", store.id(), pg, e.getMessage());
        }
        turns.put(pg, nowMillis);
        asked.remove(pg);
        current = null;
    }

    /// What [#next] gave did not get through.
    void failed(PlacementGroupId pg, long nowMillis) {
        failedMillis.put(pg, nowMillis);
        asked.remove(pg);
        current = null;
        skippedGroups++;
    }

    /// Groups that were asked for and are not done, and the one under way.
    int due() {
        return asked.size() + (current == null || asked.contains(current) ? 0 : 1);
    }

    long skippedGroups() {
        return skippedGroups;
    }

    /// Since when all these groups were scrubbed at least once; 0 if some never was.
    long allSinceMillis(Collection<HostedReplica> groups) {
        long oldest = groups.isEmpty() ? 0 : Long.MAX_VALUE;
        for (HostedReplica replica : groups) {
            // Only looked at: who asks is answered by an event loop.
            oldest = Math.min(oldest, Math.max(0, turns.getOrDefault(replica.pg(), 0L)));
        }
        return oldest;
    }
}
