package weft.ops.node;

import weft.coordination.zookeeper.EmbeddedZooKeeper;
import weft.fabric.NodePresence.Role;
import weft.ops.controller.ControlSettings;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// A whole fabric in this process: ZooKeeper, control, storage nodes, hosts, each on its own
/// loopback address.
public final class LocalFabric implements AutoCloseable {
    /// Enough for every machine's first experiments; more nodes mean more processes.
    public static final int REPLICAS = 3;

    public static final int MIN_REPLICAS = 2;

    private final Deque<AutoCloseable> opened = new ArrayDeque<>();

    private LocalFabric() {}

    /// Starts everything.
    ///
    /// @param offer what each host gives to VMs
    public static LocalFabric start(
            LocalLayout layout, FabricSize size, HostOffer offer, ControlSettings settings)
            throws IOException {
        var fabric = new LocalFabric();
        try {
            fabric.opened.push(zookeeper(layout));
            fabric.opened.push(
                    Part.control(
                            layout.part(Role.CONTROL, 1, HostOffer.NONE),
                            Part.newCluster(REPLICAS, MIN_REPLICAS),
                            settings));
            fabric.startTogether(layout, size, offer);
            return fabric;
        } catch (IOException | RuntimeException e) {
            fabric.close();
            throw e;
        }
    }

    /// The embedded ZooKeeper of a layout.
    public static EmbeddedZooKeeper zookeeper(LocalLayout layout) throws IOException {
        return EmbeddedZooKeeper.start(
                layout.folder().resolve("zookeeper"),
                layout.zookeeperAddress().getHostString(),
                layout.zookeeperAddress().getPort());
    }

    /// Starting is mostly waiting (for sessions, for disks): all parts do it at once.
    private void startTogether(LocalLayout layout, FabricSize size, HostOffer offer)
            throws IOException {
        var starting = new ArrayDeque<Future<Part>>();
        try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 1; i <= size.storageNodes(); i++) {
                NodeOptions options = layout.storage(i, size.disksPerNode());
                starting.add(executor.submit(() -> Part.storage(options)));
            }
            for (int i = 1; i <= size.hosts(); i++) {
                NodeOptions options = layout.part(Role.HOST, i, offer);
                starting.add(executor.submit(() -> Part.host(options)));
            }
        }
        IOException failure = null;
        for (Future<Part> part : starting) {
            try {
                opened.push(part.get());
            } catch (ExecutionException e) {
                failure = new IOException(String.valueOf(e.getCause()), e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                failure = new IOException("interrupted", e);
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    @Override
    public void close() {
        while (!opened.isEmpty()) {
            try {
                opened.pop().close();
            } catch (Exception e) {
                System.err.println("weft: while stopping: " + e);
            }
        }
    }
}
