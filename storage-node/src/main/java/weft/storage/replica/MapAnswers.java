package weft.storage.replica;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.storage.chunk.BlockMap;
import weft.wire.storage.MapPage;
import weft.wire.storage.ReplicaMessage.MapsReply;
import weft.wire.storage.ReplicaMessage.MapsRequest;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// A secondary's side of [MapComparison].
final class MapAnswers {
    /// Pages being made; a primary has one question under way, and may have asked it anew.
    private static final int PAGES_MAX = 4;

    private record Asked(long question, int tablesCrc) {}

    private final ReplicaState state;
    private final Configuration configuration;
    private final Map<Long, Asked> pages = new HashMap<>();

    MapAnswers(ReplicaState state, Configuration configuration) {
        this.state = state;
        this.configuration = configuration;
    }

    /// Of the replicated tables as they are now, with the first page; it is not worth the time with
    /// each.
    static int tablesCrc(ReplicaState state, Optional<ChunkKey> after) {
        return after.isPresent() ? 0 : BlockMap.checksum(state.tables.encode());
    }

    /// Call it when all that the request's point holds is committed here.
    void begin(MapsRequest request) {
        if (state.list.committed() != request.committedSequence() || pages.size() >= PAGES_MAX) {
            answer(new Asked(request.question(), 0), Optional.empty());
            return;
        }
        long ticket = state.nextTicket();
        int tablesCrc = tablesCrc(state, request.after());
        pages.put(ticket, new Asked(request.question(), tablesCrc));
        state.disk.digestMaps(ticket, request.after());
    }

    void onMaps(long ticket, MapPage page) {
        Asked asked = pages.remove(ticket);
        if (asked != null) {
            answer(asked, Optional.of(page));
        }
    }

    private void answer(Asked asked, Optional<MapPage> page) {
        state.outbox.send(
                configuration.primary().store(),
                new MapsReply(
                        state.pg,
                        configuration.version(),
                        asked.question(),
                        asked.tablesCrc(),
                        page));
    }
}
