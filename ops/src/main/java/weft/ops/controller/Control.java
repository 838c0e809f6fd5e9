package weft.ops.controller;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore;
import weft.coordination.FabricStore.Outcome;
import weft.coordination.FabricWatcher;
import weft.fabric.Cluster;
import weft.fabric.Configuration;
import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.VmPlacement;

import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/// The elected loop: looks at the fabric's image, asks [Placements] what is missing, and writes it.
/// It keeps nothing in memory, so it may die at any instruction; two of them at once only lose
/// compare-and-sets to each other.
public final class Control implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Control.class);
    private static final int LOOK_AGAIN_MILLIS = 500;

    private final FabricRecords records;
    private final FabricWatcher watcher;
    private final FabricStore.Seat seat;
    private final Semaphore wakeUps = new Semaphore(0);
    private final Thread thread;
    private volatile boolean closing;

    /// @param watcher stays the caller's
    public Control(NodeId node, FabricStore store, FabricWatcher watcher) throws IOException {
        records = new FabricRecords(store);
        this.watcher = watcher;
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
                if (seat.isHeld()) {
                    act(watcher.image());
                }
            } catch (IOException e) {
                log.warn("control: {}; trying again", e.getMessage());
            } catch (InterruptedException e) {
                return;
            } catch (RuntimeException e) {
                log.error("control: a round failed; trying again", e);
            }
        }
    }

    private void act(FabricImage image) throws IOException {
        Optional<Cluster> cluster = image.cluster();
        if (cluster.isPresent()) {
            makePlacementGroups(cluster.get(), image);
        }
        for (Map.Entry<String, NodeId> choice : Placements.hostsForVms(image).entrySet()) {
            place(choice.getKey(), choice.getValue());
        }
    }

    private void makePlacementGroups(Cluster cluster, FabricImage image) throws IOException {
        Set<Integer> existing = new HashSet<>();
        for (String name : records.store().children(FabricPaths.PLACEMENT_GROUPS)) {
            existing.add(Integer.valueOf(name));
        }
        if (existing.size() == 1 << cluster.pgBits()) {
            return;
        }
        List<Configuration> first = Placements.firstConfigurations(cluster, image, existing);
        for (Configuration configuration : first) {
            var _ =
                    records.create(
                            FabricPaths.PLACEMENT_GROUPS + "/" + configuration.pg().value(),
                            configuration);
        }
        if (!first.isEmpty()) {
            log.info("{} placement groups placed on {} copies", first.size(), cluster.replicas());
        }
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
    }
}
