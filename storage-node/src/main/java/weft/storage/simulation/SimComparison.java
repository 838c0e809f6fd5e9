package weft.storage.simulation;

import weft.fabric.ChunkKey;
import weft.storage.replica.ComparisonOutcome;
import weft.storage.replica.MapDifference;

import java.util.Optional;
import java.util.function.Consumer;

/// What a light scrub does to a group, round after round: compares what all members' maps say,
/// while they are written and fail. Who runs it says what a difference means.
final class SimComparison {
    private static final long PAUSE_NANOS = 20 * SimPool.MILLIS;

    /// A question or an answer was lost, or the primary was.
    private static final long GIVEN_UP_NANOS = 400 * SimPool.MILLIS;

    private final SimPool pool;
    private final StorageCluster group;
    private final Consumer<MapDifference> found;
    private long asked;

    /// Chunks that all members told of.
    int chunks;

    /// Rounds over the whole group.
    int rounds;

    /// How often a member was elsewhere in the log, or there was no primary.
    int notNow;

    SimComparison(SimPool pool, StorageCluster group, Consumer<MapDifference> found) {
        this.pool = pool;
        this.group = group;
        this.found = found;
    }

    void start() {
        ask(Optional.empty());
    }

    private void ask(Optional<ChunkKey> after) {
        asked++;
        long question = asked;
        pool.world.after(
                GIVEN_UP_NANOS,
                () -> {
                    if (question == asked) {
                        ask(after);
                    }
                });
        SimNode primary = group.nodes.get(group.primary());
        primary.on(
                primary.life(),
                replica ->
                        replica.compareMaps(
                                after,
                                outcome -> {
                                    if (question == asked) {
                                        goOn(after, outcome);
                                    }
                                }));
    }

    private void goOn(Optional<ChunkKey> after, ComparisonOutcome outcome) {
        asked++;
        Optional<ChunkKey> next = after;
        switch (outcome) {
            case ComparisonOutcome.Compared compared -> {
                compared.differences().forEach(found);
                chunks += compared.chunks();
                next = compared.next();
                rounds += next.isEmpty() ? 1 : 0;
            }
            case ComparisonOutcome.NotNow _ -> notNow++;
        }
        Optional<ChunkKey> from = next;
        pool.world.after(PAUSE_NANOS, () -> ask(from));
    }
}
