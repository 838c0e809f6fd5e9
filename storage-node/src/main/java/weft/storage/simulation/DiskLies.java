package weft.storage.simulation;

import weft.sim.SimWorld;
import weft.storage.simulation.FaultyDisk.Mishap;

import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;

/// Disks that do something else than they say, one after the other.
///
/// The rule that makes this fair: a pool survives one failure of a group at a time. So an episode
/// begins, some seconds after other failures, when the group is whole and intact and nobody stands
/// still or is to fail, one disk of it lies, and no node of the pool fails until the group is whole
/// and intact again. Its own node may be made to fail: what it had said was durable is with all
/// other members then.
///
/// ```text
///   whole, intact ──► a write of chunks is spoilt ──────────────────────► repaired ─► checkpoint ─┐
///        ▲        ├─► a write of the journal is spoilt ─► power fails ──┐                         │
///        │        └─► forces lie for a while ──────────► power fails ──┴► starts, or is replaced; │
///        │                                                                joins, repaired         │
///        └────────────────────────────────────────────────────────────────────────────────────────┘
/// ```
final class DiskLies {
    private static final long MILLIS = SimPool.MILLIS;
    private static final long LOOK_NANOS = 50 * MILLIS;

    /// Leases that ended before all was well may still cost members their places, and disks that
    /// were slow in the last four seconds.
    private static final long AFTERMATH_MILLIS = 4_500;

    /// A group may have nothing to write.
    private static final long PATIENCE_NANOS = 1_000 * MILLIS;

    /// What a disk lies about.
    private enum Lie {
        CHUNKS,
        JOURNAL,
        FORCES
    }

    private final SimPool pool;
    private final SimWorld world;
    private final BiConsumer<Lie, SimNode> begun;
    private int left;
    private boolean isUnderWay;

    /// @param begun hears what is done
    DiskLies(SimPool pool, Runnable begun) {
        this.pool = pool;
        world = pool.world;
        this.begun = (_, _) -> begun.run();
    }

    /// Whether nodes must not fail by anything else.
    boolean isUnderWay() {
        return isUnderWay;
    }

    /// Plays so many episodes.
    void start(int episodes) {
        left = episodes;
        isUnderWay = true;
        later(AFTERMATH_MILLIS, AFTERMATH_MILLIS, this::next);
    }

    private void next() {
        if (left == 0) {
            isUnderWay = false;
            return;
        }
        left--;
        StorageCluster group = pool.groups.get((int) world.between(0, pool.groups.size() - 1));
        when(() -> isQuiet(group), () -> lie(group));
    }

    private void when(BooleanSupplier condition, Runnable then) {
        if (condition.getAsBoolean()) {
            then.run();
        } else {
            world.after(LOOK_NANOS, () -> when(condition, then));
        }
    }

    private void later(long millisMin, long millisMax, Runnable then) {
        world.after(world.between(millisMin * MILLIS, millisMax * MILLIS), then);
    }

    private static boolean isQuiet(StorageCluster group) {
        return group.isWhole()
                && group.nodes.stream().noneMatch(SimNode::isFrozen)
                && group.nodes.stream().allMatch(SimNode::isUp)
                && group.isIntact();
    }

    private void lie(StorageCluster group) {
        List<SimNode> members =
                group.nodes.stream()
                        .filter(node ->
                                group.configurations.current().members().contains(node.self))
                        .toList();
        SimNode node =
                world.chance(0.4)
                        ? group.nodes.get(group.primary())
                        : members.get((int) world.between(0, members.size() - 1));
        Lie lie = Lie.values()[(int) world.between(0, Lie.values().length - 1)];
        world.tell(node.id + "'s disk lies about " + lie);
        begun.accept(lie, node);
        switch (lie) {
            case CHUNKS -> spoilChunks(group, node, (int) world.between(1, 3));
            case JOURNAL -> {
                spoilNextWrite(node, "journal/", () -> later(0, 100, () -> fail(group, node)));
            }
            case FORCES -> {
                node.production().medium.lieAbout(world.chance(0.5) ? "journal" : "");
                later(20, 800, () -> fail(group, node));
            }
        }
    }

    /// @param then goes on when it was done, or no write came
    private void spoilNextWrite(SimNode node, String folder, Runnable then) {
        StoreMedium medium = node.production().medium;
        medium.spoilNextWrite(
                folder, Mishap.values()[(int) world.between(0, Mishap.values().length - 1)]);
        long givenUp = world.nowNanos() + PATIENCE_NANOS;
        when(
                () -> !medium.isToSpoil() || world.nowNanos() > givenUp,
                () -> {
                    medium.spoilNothing();
                    then.run();
                });
    }

    private void spoilChunks(StorageCluster group, SimNode node, int times) {
        StoreDisk disk = node.production();
        spoilNextWrite(
                node,
                "chunks/",
                () -> {
                    if (times > 1) {
                        later(0, 50, () -> spoilChunks(group, node, times - 1));
                        return;
                    }
                    long preparedTo = disk.lastAppended();
                    when(
                            () -> disk.isSpoiltAndApplied(preparedTo) && isQuiet(group),
                            () -> {
                                disk.checkpointNow();
                                good(node);
                            });
                });
    }

    private void fail(StorageCluster group, SimNode node) {
        node.crash();
        node.isKeptDown = true;
        later(
                10,
                2_000,
                () -> {
                    node.isKeptDown = false;
                    node.start();
                    when(() -> isQuiet(group), () -> good(node));
                });
    }

    private void good(SimNode node) {
        // Whoever compares replicas may still look at what was.
        later(
                500,
                800,
                () -> {
                    node.production().medium.isGoodAgain();
                    world.tell(node.id + "'s disk is good again");
                    next();
                });
    }
}
