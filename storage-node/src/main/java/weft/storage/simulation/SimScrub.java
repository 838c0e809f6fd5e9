package weft.storage.simulation;

import weft.storage.replica.Replica;
import weft.wire.storage.DamagedBlock;

/// What a deep scrub does to one node, round after round: looks at what its store has and has
/// blocks that lost their checksum repaired. On a medium that did not lie there are none.
final class SimScrub {
    private static final long PAUSE_NANOS = 500 * SimPool.MILLIS;
    private static final long PAUSE_IN_DOUBT_NANOS = 100 * SimPool.MILLIS;

    private final SimPool pool;
    private final SimNode node;

    /// Damaged blocks met, some of them several times.
    int found;

    SimScrub(SimPool pool, SimNode node) {
        this.pool = pool;
        this.node = node;
    }

    void start() {
        int of = node.life();
        node.on(of, this::look);
        boolean isInDoubt = node.production().medium.isDoubtful();
        pool.world.after(isInDoubt ? PAUSE_IN_DOUBT_NANOS : PAUSE_NANOS, this::start);
    }

    private void look(Replica replica) {
        StoreDisk disk = node.production();
        if (disk.isDown() || !replica.isMember()) {
            return;
        }
        for (DamagedBlock block : disk.damaged()) {
            if (!disk.medium.isDoubtful()) {
                throw new AssertionError(
                        "%s: %s is damaged, and nobody did that\n%s"
                                .formatted(node.id, block, pool.world.trace()));
            }
            found++;
            replica.repair(block, _ -> {}, node.now());
        }
    }
}
