package weft.storage.simulation;

import weft.fabric.Configuration;
import weft.fabric.StoreId;
import weft.sim.SimWorld;
import weft.storage.replica.Proposal;
import weft.storage.replica.RecordOrder;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/// The coordination service, as far as one group sees it: compare-and-set, synced reads, watches
/// that come late. Operations of one node happen in order; a node that is cut off learns nothing.
final class SimConfigurations {
    private static final long GIVES_UP_NANOS = 1_000_000_000;

    private final SimWorld world;
    private final Map<StoreId, Long> busyUntil = new HashMap<>();
    private final Map<StoreId, Boolean> cut = new HashMap<>();
    private Consumer<Configuration> onChange = _ -> {};
    private final Map<StoreId, RecordOrder> orders = new HashMap<>();
    private Configuration current;
    private int recordVersion;

    SimConfigurations(SimWorld world, Configuration first) {
        this.world = world;
        current = first;
    }

    Configuration current() {
        return current;
    }

    /// What a watch tells the node now.
    Configuration watchedBy(StoreId node) {
        return orderOf(node).newer(current, recordVersion);
    }

    private RecordOrder orderOf(StoreId node) {
        return orders.computeIfAbsent(node, _ -> new RecordOrder());
    }

    void onChange(Consumer<Configuration> listener) {
        onChange = listener;
    }

    void setCut(StoreId node, boolean isCut) {
        cut.put(node, isCut);
    }

    boolean isCut(StoreId node) {
        return cut.getOrDefault(node, false);
    }

    /// Control wants other stores.
    void want(List<StoreId> wanted) {
        change(c ->
                new Configuration(
                        c.pg(), c.version(), c.primary(), c.members(), wanted, c.minReplicas()));
    }

    private void change(UnaryOperator<Configuration> change) {
        current = change.apply(current);
        recordVersion++;
        world.tell("config " + current + " wanted " + current.wanted());
        onChange.accept(current);
    }

    /// When the node's next operation reaches the service.
    private long arrival(StoreId node) {
        long at =
                Math.max(
                        busyUntil.getOrDefault(node, 0L),
                        world.nowNanos()
                                + world.between(
                                        200_000, world.chance(0.1) ? 200_000_000 : 3_000_000));
        busyUntil.put(node, at);
        return at - world.nowNanos();
    }

    void propose(
            StoreId node, Configuration expected, Configuration next, Consumer<Proposal> result) {
        boolean lost = isCut(node);
        world.after(
                arrival(node),
                () -> {
                    boolean arrives = !lost && !isCut(node);
                    Proposal outcome = new Proposal.Unknown();
                    if (arrives && current.version() == expected.version()) {
                        change(c ->
                                new Configuration(
                                        c.pg(),
                                        next.version(),
                                        next.primary(),
                                        next.members(),
                                        c.wanted(),
                                        c.minReplicas()));
                        outcome = new Proposal.Won(current);
                    } else if (arrives) {
                        outcome = new Proposal.Lost(current);
                    }
                    Proposal told = world.chance(0.05) ? new Proposal.Unknown() : outcome;
                    int record = recordVersion;
                    long back =
                            told instanceof Proposal.Unknown
                                    ? GIVES_UP_NANOS
                                    : world.between(200_000, 3_000_000);
                    world.after(
                            back,
                            () ->
                                    result.accept(
                                            isCut(node)
                                                    ? new Proposal.Unknown()
                                                    : orderOf(node).newer(told, record)));
                });
    }

    void read(StoreId node, Consumer<Configuration> result) {
        world.after(
                arrival(node),
                () -> {
                    if (isCut(node)) {
                        world.after(100_000_000, () -> read(node, result));
                        return;
                    }
                    Configuration seen = current;
                    int record = recordVersion;
                    world.after(
                            world.between(200_000, 3_000_000),
                            () -> result.accept(orderOf(node).newer(seen, record)));
                });
    }
}
