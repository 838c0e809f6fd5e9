package weft.storage.server;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.storage.replica.ComparisonOutcome;
import weft.storage.replica.MapDifference;
import weft.wire.audit.AuditMessage;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/// Compares what the members of a group have in their maps, without reading data: what was applied
/// wrongly, or not at all, has good checksums, and a deep scrub does not see it. The primary does
/// it for all ([weft.storage.replica.MapComparison] says how under writes).
///
/// A difference is told and not repaired: it is a fault of a program or of a machine's memory, and
/// of two copies that agree one may have been made from the other, so a majority proves nothing.
final class LightScrub {
    private static final Logger log = LoggerFactory.getLogger(LightScrub.class);

    /// Longer than a lease: a member that is away has left the configuration by then.
    private static final int ANSWER_SECONDS_MAX = 10;

    /// What a chunk's map takes at the most, about, of what a scrub may read.
    private static final long MAP_BYTES = 4 << 10;

    /// Between pages, at the least: at 16 chunks each that is some GiB of data in a second, and
    /// each page keeps writes to its group waiting for a tenth of it.
    private static final long PAGE_PAUSE_MILLIS = 10;

    private final ScrubPace pace;
    private final StorageMeters meters;

    // Guarded by this.
    private final Map<PlacementGroupId, Differing> differing = new TreeMap<>();
    private long comparedChunks;

    /// @param count all that differ in a group
    /// @param first the first of them, in words
    private record Differing(long count, List<String> first) {}

    /// What was found since the start, and what differs.
    record Found(long comparedChunks, long differingChunks, List<String> differences) {}

    LightScrub(ScrubPace pace, StorageMeters meters) {
        this.pace = pace;
        this.meters = meters;
    }

    /// @param leads groups that other stores have become primary of are theirs to tell of
    synchronized Found found(Predicate<PlacementGroupId> leads) {
        long count = 0;
        List<String> first = new ArrayList<>();
        for (var entry : differing.entrySet()) {
            if (leads.test(entry.getKey())) {
                count += entry.getValue().count();
                first.addAll(entry.getValue().first());
            }
        }
        int shown = Math.min(first.size(), AuditMessage.LOSSES_MAX);
        return new Found(comparedChunks, count, List.copyOf(first.subList(0, shown)));
    }

    /// Blocks until the group is done. What it finds replaces what it found before.
    ///
    /// @throws IOException if it does not get through
    void scrub(HostedReplica replica) throws IOException, InterruptedException {
        List<String> first = new ArrayList<>();
        long count = 0;
        Optional<ChunkKey> after = Optional.empty();
        do {
            Optional<ChunkKey> reached = after;
            ComparisonOutcome.Compared page = ScrubPace.patiently(() -> compare(replica, reached));
            for (MapDifference difference : page.differences()) {
                tell(difference, count);
                count++;
                if (first.size() < AuditMessage.LOSSES_MAX) {
                    first.add(shortened(difference.sentence()));
                }
            }
            note(replica.pg(), new Differing(count, List.copyOf(first)), page);
            pace.pause(page.chunks() * MAP_BYTES);
            TimeUnit.MILLISECONDS.sleep(PAGE_PAUSE_MILLIS);
            after = page.next();
        } while (after.isPresent());
    }

    private static ComparisonOutcome.Compared compare(
            HostedReplica replica, Optional<ChunkKey> after)
            throws IOException, InterruptedException {
        return switch (ScrubPace.answer(replica.compareMaps(after), ANSWER_SECONDS_MAX)) {
            case ComparisonOutcome.Compared page -> page;
            case ComparisonOutcome.NotNow(String why) -> throw new IOException(why);
        };
    }

    /// A group that went wrong has many: the counter says how many.
    private void tell(MapDifference difference, long before) {
        meters.chunksDiffering.increment();
        if (before == 0) {
            log.warn("replicas differ: {} (the first of this group)", difference.sentence());
        } else {
            log.debug("replicas differ: {}", difference.sentence());
        }
    }

    /// At once, not when the group is done: it may not get through.
    private synchronized void note(
            PlacementGroupId pg, Differing now, ComparisonOutcome.Compared page) {
        comparedChunks += page.chunks();
        if (now.count() > 0) {
            differing.put(pg, now);
        } else if (page.next().isEmpty()) {
            differing.remove(pg);
        }
    }

    private static String shortened(String sentence) {
        int most = AuditMessage.LOSS_BYTES_MAX;
        return sentence.length() <= most ? sentence : sentence.substring(0, most - 3) + "...";
    }
}
