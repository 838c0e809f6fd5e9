package weft.storage.replica;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.PlacementGroupId;
import weft.wire.storage.MapDigest;
import weft.wire.storage.MapPage;
import weft.wire.storage.ReplicaMessage.MapsReply;
import weft.wire.storage.ReplicaMessage.MapsRequest;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Consumer;

/// A primary's side of comparing what the members' maps say, without reading any data: a page of
/// chunks at a time, one page under way.
///
/// ```text
///   primary: asks its own disk, and sends MapsRequest(committed) to the others
///   member:  commits up to there, asks its disk ── MapsReply(page) ──► compared up to where the
///            is already beyond: MapsReply()  ──► not now               shortest page ends
/// ```
///
/// All pages are of one point of the log: the request follows everything that the primary has said
/// on the same connections, and its disk takes the question between two entries, as the member's
/// does. So what differs is a difference and not an entry under way, however much is written
/// meanwhile; nothing waits for anybody. A message that overtook another makes the member be
/// beyond, and the question is asked anew; one that is lost makes the asker ask again.
final class MapComparison {
    /// @param tablesCrc 0 after the first page
    private record Held(int tablesCrc, MapPage page) {}

    /// The question under way.
    ///
    /// @param ticket of the own disk
    private record Asked(
            long question,
            long ticket,
            int tablesCrc,
            Optional<ChunkKey> after,
            Consumer<ComparisonOutcome> told,
            Map<Member, Held> pages) {}

    private final ReplicaState state;
    private final Configuration configuration;
    private @Nullable Asked asked;
    private long questions;

    MapComparison(ReplicaState state, Configuration configuration) {
        this.state = state;
        this.configuration = configuration;
    }

    /// Compares the chunks after that one, as many as a page holds. A comparison under way ends.
    void begin(Optional<ChunkKey> after, Consumer<ComparisonOutcome> told) {
        giveUp("another comparison began");
        questions++;
        long ticket = state.nextTicket();
        asked =
                new Asked(
                        questions,
                        ticket,
                        MapAnswers.tablesCrc(state, after),
                        after,
                        told,
                        new HashMap<>());
        var request =
                new MapsRequest(
                        state.pg,
                        configuration.version(),
                        questions,
                        state.list.committed(),
                        after);
        for (Member member : configuration.members()) {
            if (!member.equals(state.self)) {
                state.outbox.send(member.store(), request);
            }
        }
        state.disk.digestMaps(ticket, after);
    }

    /// The own disk's page.
    void onMaps(long ticket, MapPage page) {
        Asked present = asked;
        if (present != null && present.ticket() == ticket) {
            take(present, state.self, new Held(present.tablesCrc(), page));
        }
    }

    void onReply(Member from, MapsReply reply) {
        Asked present = asked;
        if (present == null
                || present.question() != reply.question()
                || !configuration.members().contains(from)
                || present.pages().containsKey(from)) {
            return;
        }
        if (reply.page().isEmpty()) {
            giveUp(from + " is at another point of the log");
        } else if (!isAfter(reply.page().get(), present.after())) {
            giveUp(from + " told of what it was not asked for");
        } else {
            take(present, from, new Held(reply.tablesCrc(), reply.page().get()));
        }
    }

    /// What does not get on would be asked for without end.
    private static boolean isAfter(MapPage page, Optional<ChunkKey> after) {
        return after.isEmpty()
                || page.maps().isEmpty()
                || page.maps().getFirst().stamp().key().compareTo(after.get()) > 0;
    }

    private void take(Asked present, Member from, Held held) {
        present.pages().put(from, held);
        if (present.pages().size() == configuration.members().size()) {
            asked = null;
            Map<Member, Held> primaryFirst = new LinkedHashMap<>();
            primaryFirst.put(state.self, Objects.requireNonNull(present.pages().get(state.self)));
            primaryFirst.putAll(present.pages());
            present.told().accept(compare(state.pg, primaryFirst));
        }
    }

    /// The role ends.
    void end() {
        giveUp("the configuration changes");
    }

    private void giveUp(String why) {
        Asked present = asked;
        asked = null;
        if (present != null) {
            present.told().accept(new ComparisonOutcome.NotNow(why));
        }
    }

    // ---- Pure.

    private static ComparisonOutcome.Compared compare(
            PlacementGroupId pg, Map<Member, Held> pages) {
        List<MapDifference> differences = new ArrayList<>();
        addDifference(pg, Optional.empty(), tables(pages), differences);
        Optional<ChunkKey> end = end(pages);
        var keys = new TreeSet<ChunkKey>();
        Map<Member, Map<ChunkKey, MapDigest>> maps = new LinkedHashMap<>();
        pages.forEach((member, held) -> {
            Map<ChunkKey, MapDigest> byKey = new HashMap<>();
            held.page().maps().forEach(map -> byKey.put(map.stamp().key(), map));
            maps.put(member, byKey);
            keys.addAll(byKey.keySet());
        });
        if (end.isPresent()) {
            keys.tailSet(end.get(), false).clear();
        }
        for (ChunkKey key : keys) {
            Map<Member, String> held = new LinkedHashMap<>();
            maps.forEach((member, byKey) -> {
                MapDigest map = byKey.get(key);
                held.put(member, map == null ? "no such chunk" : map.toString());
            });
            addDifference(pg, Optional.of(key), held, differences);
        }
        return new ComparisonOutcome.Compared(end, keys.size(), differences);
    }

    /// The end of the shortest page: beyond it a member has not told. Empty if all are the last.
    private static Optional<ChunkKey> end(Map<Member, Held> pages) {
        return pages.values().stream()
                .map(Held::page)
                .filter(page -> !page.last())
                .map(page -> page.maps().getLast().stamp().key())
                .min(ChunkKey::compareTo);
    }

    private static Map<Member, String> tables(Map<Member, Held> pages) {
        Map<Member, String> held = new LinkedHashMap<>();
        pages.forEach((member, page) -> held.put(member, "%08x".formatted(page.tablesCrc())));
        return held;
    }

    private static void addDifference(
            PlacementGroupId pg,
            Optional<ChunkKey> chunk,
            Map<Member, String> held,
            List<MapDifference> to) {
        if (held.values().stream().distinct().count() > 1) {
            to.add(new MapDifference(pg, chunk, held));
        }
    }
}
