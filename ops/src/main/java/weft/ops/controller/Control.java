package weft.ops.controller;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore;
import weft.coordination.FabricStore.Outcome;
import weft.coordination.FabricWatcher;
import weft.coordination.PoolImage;
import weft.coordination.PoolWatcher;
import weft.fabric.Cluster;
import weft.fabric.Configuration;
import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.VmPlacement;
import weft.ops.placement.Plan.Change;
import weft.runtime.Clock;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/// The elected loop: looks at the fabric's image, asks [Placements] what is missing and
/// [Rebalancing] what should be elsewhere, and writes it. What it keeps in memory it can do
/// without, so it may die at any instruction; two of them at once only lose compare-and-sets to
/// each other.
public final class Control implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Control.class);
    private static final int LOOK_AGAIN_MILLIS = 500;
    private static final long HOSTS_PATIENCE_NANOS = 10_000_000_000L;

    private final FabricRecords records;
    private final FabricWatcher watcher;
    private final PoolWatcher poolWatcher;
    private final ControlSettings settings;
    private final Clock clock;
    private final FabricStore.Seat seat;
    private final Semaphore wakeUps = new Semaphore(0);
    private final Thread thread;
    private volatile boolean closing;

    // The loop's thread only.
    private Rebalancing rebalancing;
    private PoolImage pool = PoolImage.EMPTY;
    private long poolChanges;
    private long placeableSinceNanos;

    /// @param watcher stays the caller's
    public Control(
            NodeId node,
            FabricStore store,
            FabricWatcher watcher,
            ControlSettings settings,
            Clock clock)
            throws IOException {
        records = new FabricRecords(store);
        this.watcher = watcher;
        this.settings = settings;
        this.clock = clock;
        rebalancing = new Rebalancing(settings);
        poolWatcher = PoolWatcher.start(store);
        seat = store.standForSeat(FabricPaths.CONTROL_SEAT, node.name());
        thread = Thread.ofVirtual().name("control").unstarted(this::run);
    }

    /// Begins to look and act.
    public void start() {
        watcher.onChange(_ -> wakeUps.release());
        thread.start();
    }

    private void run() {
        while (!closing) {
            try {
                if (wakeUps.tryAcquire(LOOK_AGAIN_MILLIS, TimeUnit.MILLISECONDS)) {
                    wakeUps.drainPermits();
                }
                look();
            } catch (IOException e) {
                log.warn("control: {}; trying again", e.getMessage());
            } catch (InterruptedException e) {
                return;
            } catch (RuntimeException e) {
                log.error("control: a round failed; trying again", e);
            }
        }
    }

    /// One look, and what is to be done about it. On one thread at a time.
    void look() throws IOException {
        if (seat.isHeld()) {
            act(watcher.image());
        } else {
            // Who has not looked all the time does not know who was away for how long.
            rebalancing = new Rebalancing(settings);
        }
    }

    private void act(FabricImage image) throws IOException {
        lookAtPool();
        Optional<Cluster> cluster = image.cluster();
        if (cluster.isPresent()) {
            if (pool.groups().size() < 1 << cluster.get().pgBits()) {
                makePlacementGroups(cluster.get(), image);
            } else {
                rebalance(cluster.get(), image);
            }
        }
        for (Map.Entry<String, NodeId> choice : Placements.hostsForVms(image).entrySet()) {
            place(choice.getKey(), choice.getValue());
        }
    }

    /// An image of a large pool is not made in vain.
    private void lookAtPool() {
        long changes = poolWatcher.changes();
        if (changes != poolChanges) {
            poolChanges = changes;
            pool = poolWatcher.image();
        }
    }

    private void makePlacementGroups(Cluster cluster, FabricImage image) throws IOException {
        List<Configuration> first = Placements.firstConfigurations(cluster, image, pool);
        if (!first.isEmpty() && !Placements.areApart(first, pool) && isEarly()) {
            return;
        }
        int made = 0;
        for (Configuration configuration : first) {
            String path = FabricPaths.placementGroup(configuration.pg());
            made += records.create(path, configuration) ? 1 : 0;
        }
        if (made > 0) {
            log.info("{} placement groups placed on {} copies", made, cluster.replicas());
        }
    }

    /// The stores of one node come together, other nodes a moment later: what is placed apart from
    /// the first need not be moved.
    private boolean isEarly() {
        long now = clock.nowNanos();
        if (placeableSinceNanos == 0) {
            placeableSinceNanos = now;
        }
        return now - placeableSinceNanos < HOSTS_PATIENCE_NANOS;
    }

    private void rebalance(Cluster cluster, FabricImage image) throws IOException {
        rebalancing.use(settings.with(image.settings()));
        List<Change> due =
                rebalancing.decide(
                        pool,
                        Placements.liveStores(image).keySet(),
                        cluster.replicas(),
                        clock.nowNanos());
        for (Change change : due) {
            if (want(change)) {
                rebalancing.begun(change);
            }
        }
    }

    /// The version stays: who the members are is the members' business.
    private boolean want(Change change) throws IOException {
        String path = FabricPaths.placementGroup(change.pg());
        var found = records.find(path, Configuration.class);
        if (found.isEmpty() || !found.get().noun().wanted().equals(change.before())) {
            return false;
        }
        Configuration next = found.get().noun().withWanted(change.after());
        var write = FabricRecords.replacement(path, next, found.get().version());
        if (!(records.store().commit(List.of(write)) instanceof Outcome.Committed)) {
            return false;
        }
        log.info("{}: wanted {} → {}", change.pg(), change.before(), change.after());
        return true;
    }

    private void place(String vm, NodeId host) throws IOException {
        var found = records.find(FabricPaths.placement(vm), VmPlacement.class);
        if (found.isEmpty()
                || found.get().noun().owner() != null
                || host.equals(found.get().noun().host())) {
            return;
        }
        VmPlacement now = found.get().noun();
        var wanted = new VmPlacement(host, null, now.epoch(), now.state(), now.detail());
        var change =
                FabricRecords.replacement(FabricPaths.placement(vm), wanted, found.get().version());
        if (records.store().commit(List.of(change)) instanceof Outcome.Committed) {
            log.info("VM {}: placed on {}", vm, host);
        }
    }

    @Override
    public void close() {
        closing = true;
        thread.interrupt();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        seat.close();
        poolWatcher.close();
    }
}
