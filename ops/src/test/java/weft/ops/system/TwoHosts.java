package weft.ops.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricWatcher;
import weft.coordination.zookeeper.ZooKeeperFabricStore;
import weft.fabric.FabricImage;
import weft.fabric.Image;
import weft.fabric.Migration;
import weft.fabric.NodeId;
import weft.fabric.NodePresence.Role;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.fabric.Volume;
import weft.ops.admin.MigrationAdmin;
import weft.ops.admin.NetworkAdmin;
import weft.ops.admin.VmAdmin;
import weft.ops.admin.VmRequest;
import weft.ops.admin.VolumeAdmin;
import weft.ops.controller.ControlSettings;
import weft.ops.node.HostOffer;
import weft.ops.node.LocalFabric;
import weft.ops.node.LocalLayout;
import weft.ops.node.Part;
import weft.ops.pool.PoolSession;
import weft.transport.Handshake;
import weft.transport.NodeAddress;
import weft.transport.PeerFailure;
import weft.transport.Transport;
import weft.vmhost.machine.Machine;
import weft.volume.BlockVolume;
import weft.wire.migration.MigrationFamily;
import weft.wire.migration.MigrationMessage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/// The smallest fabric between whose hosts a VM can move: ZooKeeper, control, one storage node and
/// two [UnluckyHost]s in this process, with [CountingGuest] as its image.
final class TwoHosts implements AutoCloseable {
    /// What each offers: enough for the VMs of all tests, whose guests touch next to nothing.
    private static final HostOffer OFFER = HostOffer.ofMemory(8L << 30);

    static final NodeId HOST1 = new NodeId("host1");
    static final NodeId HOST2 = new NodeId("host2");
    private static final long PATIENCE_MILLIS = 40_000;

    private final Deque<AutoCloseable> parts = new ArrayDeque<>();
    private final FabricWatcher watcher;
    private final FabricRecords records;
    private final UnluckyHost host1;
    private final UnluckyHost host2;
    private final Object changed = new Object();

    TwoHosts(Path folder) throws Exception {
        LocalLayout layout = LocalLayout.free(folder);
        try {
            own(LocalFabric.zookeeper(layout));
            own(
                    Part.control(
                            layout.part(Role.CONTROL, 1, HostOffer.NONE),
                            Part.newCluster(1, 1),
                            ControlSettings.DEFAULT));
            own(Part.storage(layout.part(Role.STORAGE, 1, HostOffer.NONE)));
            var store =
                    own(ZooKeeperFabricStore.connect(layout.zookeeper(), Duration.ofSeconds(10)));
            records = new FabricRecords(store);
            watcher = own(FabricWatcher.start(store));
            watcher.onChange(_ -> {
                synchronized (changed) {
                    changed.notifyAll();
                }
            });
            host1 = own(new UnluckyHost(layout.part(Role.HOST, 1, OFFER)));
            host2 = own(new UnluckyHost(layout.part(Role.HOST, 2, OFFER)));
            await("the hosts", image -> image.presences().size() >= 4);
            importGuest(store);
            var _ = new NetworkAdmin(records).create(image(), "blue", 10, Optional.empty());
            await("the image", image -> image.images().containsKey("counting"));
            await("the network", image -> image.networks().containsKey("blue"));
        } catch (Exception | AssertionError e) {
            close();
            throw e;
        }
    }

    private <T extends AutoCloseable> T own(T part) {
        parts.push(part);
        return part;
    }

    private void importGuest(ZooKeeperFabricStore store) throws Exception {
        byte[] kernel = CountingGuest.kernel();
        try (var pool = new PoolSession(store, watcher::image)) {
            for (String part : List.of("kernel", "initrd", "root")) {
                var volumes = new VolumeAdmin(records);
                Volume made =
                        volumes.create(
                                image(),
                                "counting-" + part,
                                kernel.length,
                                Volume.Access.READ_WRITE);
                var claimed = pool.client().claim(made, "test");
                try (BlockVolume open = pool.client().open(claimed)) {
                    open.write(0, ByteBuffer.wrap(kernel)).get(30, TimeUnit.SECONDS);
                }
                volumes.seal(made);
            }
        }
        records.create(
                FabricPaths.image("counting"),
                new Image(
                        "counting",
                        "counting-kernel",
                        kernel.length,
                        "counting-initrd",
                        0,
                        "counting-root",
                        "",
                        "c0",
                        "counts"));
        await(
                "the sealed root",
                image -> {
                    Volume root = image.volumes().get("counting-root");
                    return root != null && root.access() == Volume.Access.READ_ONLY;
                });
    }

    UnluckyHost host(NodeId node) {
        return node.equals(HOST1) ? host1 : host2;
    }

    FabricImage image() {
        return watcher.image();
    }

    FabricRecords records() {
        return records;
    }

    /// Waits until the fabric's records look so.
    void await(String what, Predicate<FabricImage> wanted) throws InterruptedException {
        long endNanos = System.nanoTime() + PATIENCE_MILLIS * 1_000_000;
        synchronized (changed) {
            while (!wanted.test(watcher.image())) {
                long leftMillis = (endNanos - System.nanoTime()) / 1_000_000;
                if (leftMillis <= 0) {
                    throw new AssertionError(
                            "waited in vain for %s; placements %s, migrations %s"
                                    .formatted(
                                            what,
                                            watcher.image().placements(),
                                            watcher.image().migrations()));
                }
                changed.wait(leftMillis);
            }
        }
    }

    /// Makes a VM on host1 and waits until its guest counts.
    void boot(String vm) throws IOException, InterruptedException {
        var request =
                new VmRequest(
                        vm,
                        "counting",
                        VmAdmin.MEMORY_BYTES_MIN,
                        1 << 20,
                        List.of(new VmRequest.Nic("blue", Optional.empty(), Optional.empty())),
                        Optional.of(HOST1),
                        VmSpec.Power.RUNNING);
        var _ = new VmAdmin(records).create(image(), request);
        awaitRunning(vm, HOST1, 1);
        awaitCounting(vm, HOST1);
    }

    /// Asks for the move and waits until it is over, one way or the other.
    Migration migrate(String vm, NodeId to) throws IOException, InterruptedException {
        Migration asked = new MigrationAdmin(records).request(image(), vm, Optional.of(to));
        await("the end of the move of " + vm, image -> isOver(image, asked));
        return Objects.requireNonNull(image().migrations().get(vm));
    }

    private static boolean isOver(FabricImage image, Migration asked) {
        Migration now = image.migrations().get(asked.vm());
        return now != null && now.id().equals(asked.id()) && now.phase().isOver();
    }

    /// Says something to a host over a connection of its own, in that node's name, and waits for
    /// the refusal.
    void say(NodeId as, NodeId to, MigrationMessage message) {
        var address =
                image().presence(Role.HOST, to)
                        .flatMap(presence -> NodeAddress.parse(presence.address()))
                        .orElseThrow();
        UUID cluster = image().cluster().orElseThrow().id();
        var self = Handshake.of(cluster, weft.transport.Role.HOST, as, 2);
        try (var transport =
                        new Transport(
                                self,
                                List.of(new MigrationFamily()),
                                1,
                                new SimpleMeterRegistry());
                var connection = transport.connect(address, to, List.of())) {
            var answer = connection.request(message);
            var refused =
                    assertThrows(ExecutionException.class, () -> answer.get(20, TimeUnit.SECONDS));
            assertInstanceOf(PeerFailure.class, refused.getCause());
        }
    }

    /// Waits until the VM runs there in that epoch.
    void awaitRunning(String vm, NodeId host, long epoch) throws InterruptedException {
        await(
                vm + " running on " + host + " in epoch " + epoch,
                image -> {
                    VmPlacement now = image.placements().get(vm);
                    return now != null
                            && host.equals(now.owner())
                            && now.epoch() == epoch
                            && now.state() == VmPlacement.State.RUNNING;
                });
    }

    /// Waits until the guest has counted some more on that host, and checks that it is whole there
    /// and nowhere else.
    ///
    /// @return what it has printed there
    String awaitCounting(String vm, NodeId host) throws InterruptedException {
        Machine machine = awaitMachine(vm, host);
        long wantedEnd = machine.console().outputEnd() + 4;
        var output = new StringBuilder();
        var chunk = new byte[512];
        long endNanos = System.nanoTime() + PATIENCE_MILLIS * 1_000_000;
        long position = 0;
        while (position < wantedEnd) {
            if (System.nanoTime() > endNanos || machine.console().isClosed()) {
                throw new AssertionError(vm + " on " + host + " does not count: " + output);
            }
            var read = machine.console().read(position, chunk, Duration.ofMillis(100));
            output.append(new String(chunk, 0, read.lengthBytes(), StandardCharsets.US_ASCII));
            position = read.nextPosition();
        }
        assertFalse(output.toString().contains("!"), "RAM and registers differ: " + output);
        NodeId other = host.equals(HOST1) ? HOST2 : HOST1;
        assertEquals(Optional.empty(), host(other).agent().machineOf(vm), "runs twice");
        return output.toString();
    }

    /// Makes the guest switch itself off.
    void endGuest(String vm, NodeId host) throws InterruptedException {
        var wrong = ByteBuffer.allocate(Long.BYTES).putLong(0, -1);
        awaitMachine(vm, host).memory().write(CountingGuest.COUNT_ADDRESS, wrong);
    }

    private Machine awaitMachine(String vm, NodeId host) throws InterruptedException {
        long endNanos = System.nanoTime() + PATIENCE_MILLIS * 1_000_000;
        synchronized (changed) {
            while (true) {
                Optional<Machine> found = host(host).agent().machineOf(vm);
                if (found.isPresent()) {
                    return found.get();
                }
                if (System.nanoTime() > endNanos) {
                    throw new AssertionError(vm + " is not on " + host);
                }
                changed.wait(50);
            }
        }
    }

    @Override
    public void close() {
        while (!parts.isEmpty()) {
            AutoCloseable part = parts.pop();
            try {
                part.close();
            } catch (Exception e) {
                throw new AssertionError("closing " + part, e);
            }
        }
    }
}
