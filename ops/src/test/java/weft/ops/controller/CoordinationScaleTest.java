package weft.ops.controller;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import weft.coordination.CountingTree;
import weft.coordination.CountingTree.Traffic;
import weft.coordination.FabricRecords;
import weft.coordination.FabricWatcher;
import weft.fabric.ChunkKey;
import weft.fabric.Cluster;
import weft.fabric.FabricImage;
import weft.fabric.FailureDomain;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.Placement;
import weft.fabric.StoreId;
import weft.fabric.Volume;
import weft.ops.admin.VolumeAdmin;
import weft.ops.pool.ConsistentCut;
import weft.ops.pool.ConsistentCut.Snapshot;
import weft.ops.pool.PoolSession;
import weft.storage.StorageNode;
import weft.storage.StorageNodeSettings;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;

/// What events cost the coordination, counted: production's storage node, control and commands over
/// [CountingTree]. What an event costs a process that it does not concern must not grow with the
/// groups and volumes that there are. `-Dweft.scale.nodes=1000 -Dweft.scale.pgBits=16
/// -Dweft.scale.volumes=1000000` prints the table in docs/scale.md.
class CoordinationScaleTest {
    private static final long SECOND = 1_000_000_000L;

    @TempDir Path folder;

    @Test
    void whatAnEventCostsDoesNotGrowWithGroupsAndVolumes() throws Exception {
        Map<String, Cost> small = new Run(12, 6, 50, folder.resolve("small")).run();
        Map<String, Cost> large = new Run(12, 8, 500, folder.resolve("large")).run();
        assertEquals(small.keySet().size(), large.keySet().size());
        small.forEach((event, was) -> {
            Cost is = Objects.requireNonNull(large.get(event), event);
            if (was.isStart()) {
                return; // Reads every record, once.
            }
            Traffic node = is.node();
            assertTrue(node.reads() <= 2 * node.events(), event);
            if (event.contains("node")) {
                // What its groups write, all others are told: once each.
                assertTrue(node.events() <= is.actor().writes() + is.control().writes(), event);
            } else {
                assertEquals(requests(was.node()), requests(node), event);
                assertEquals(requests(was.client()), requests(is.client()), event);
                assertEquals(requests(was.control()), requests(is.control()), event);
            }
        });
    }

    /// Without bytes: a number may have one digit more.
    private static List<Long> requests(Traffic traffic) {
        return List.of(traffic.reads(), traffic.writes(), traffic.events());
    }

    @Test
    void table() throws Exception {
        var run =
                new Run(
                        Integer.getInteger("weft.scale.nodes", 20),
                        Integer.getInteger("weft.scale.pgBits", 7),
                        Integer.getInteger("weft.scale.volumes", 1000),
                        folder);
        run.run().forEach((event, cost) -> System.out.printf("| %s | %s%n", event, cost));
        run.changed.forEach((event, groups) -> System.out.println(event.formatted(groups)));
        run.memory.forEach(System.out::println);
    }

    /// Closed the last first.
    private static final class Opened implements AutoCloseable {
        private final Deque<AutoCloseable> parts = new ArrayDeque<>();

        void add(AutoCloseable part) {
            parts.push(part);
        }

        @Override
        public void close() {
            while (!parts.isEmpty()) {
                try {
                    parts.pop().close();
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            }
        }
    }

    /// @param actor who makes it happen: the process that starts, the command, the primaries
    /// @param node one storage node that is not concerned
    /// @param client one command or host, which watches everything
    private record Cost(
            boolean isStart, Traffic actor, Traffic control, Traffic node, Traffic client) {
        @Override
        public String toString() {
            return "%s | %s | %s | %s |".formatted(in(actor), in(control), in(node), in(client));
        }

        private static String in(Traffic traffic) {
            return "%,d r, %,d w, %,d e, %,d B"
                    .formatted(
                            traffic.reads(),
                            traffic.writes(),
                            traffic.events(),
                            traffic.bytesRead() + traffic.bytesWritten());
        }
    }

    private static final class Run {
        final List<String> memory = new ArrayList<>();
        final Map<String, Integer> changed = new LinkedHashMap<>();
        private final Map<String, Cost> costs = new LinkedHashMap<>();
        private final LargeFabric fabric;
        private final Path folder;
        private final AtomicLong nowNanos = new AtomicLong(SECOND);
        private final CountingTree.Session nodeSession;
        private final CountingTree.Session controlSession;
        private final CountingTree.Session clientSession;

        Run(int nodes, int pgBits, int volumes, Path folder) throws IOException {
            fabric = new LargeFabric(nodes, pgBits, volumes);
            this.folder = folder;
            nodeSession = fabric.tree.session();
            controlSession = fabric.tree.session();
            clientSession = fabric.tree.session();
        }

        @FunctionalInterface
        private interface Event {
            void happen() throws Exception;
        }

        private void count(String name, CountingTree.Session actor, Event event) throws Exception {
            Traffic before = actor.traffic();
            Traffic control = controlSession.traffic();
            Traffic node = nodeSession.traffic();
            Traffic client = clientSession.traffic();
            event.happen();
            costs.put(
                    name,
                    new Cost(
                            name.endsWith("starts"),
                            actor.traffic().since(before),
                            controlSession.traffic().since(control),
                            nodeSession.traffic().since(node),
                            clientSession.traffic().since(client)));
        }

        Map<String, Cost> run() throws Exception {
            try (var opened = new Opened()) {
                run(opened);
            }
            return costs;
        }

        private void run(Opened opened) throws Exception {
            var registry = new SimpleMeterRegistry();
            List<StorageNode> node = new ArrayList<>();
            List<FabricWatcher> client = new ArrayList<>();
            List<Control> control = new ArrayList<>();
            long empty = heapBytes();
            count(
                    "a storage node starts",
                    nodeSession,
                    () -> node.add(StorageNode.start(settings(), nodeSession, registry)));
            opened.add(node.getFirst());
            long withNode = heapBytes();
            remember("storage node", withNode - empty);
            Member member = node.getFirst().members().getFirst();
            fabric.takeOut(member.store());
            count(
                    "a command or a host starts",
                    clientSession,
                    () -> client.add(FabricWatcher.start(clientSession)));
            opened.add(client.getFirst());
            long withClient = heapBytes();
            remember("command or host", withClient - withNode);
            count(
                    "control starts",
                    controlSession,
                    () -> {
                        var watcher = FabricWatcher.start(controlSession);
                        opened.add(watcher);
                        control.add(control(watcher));
                    });
            remember("control", heapBytes() - withClient);
            look(control.getFirst());
            volumes(client.getFirst(), member);
            count(
                    "a group changes",
                    fabric.played,
                    () -> {
                        List<Member> members = fabric.group(0).members();
                        fabric.propose(0, members.subList(0, members.size() - 1));
                    });
            fabric.carryOut(Set.of());
            nodes(control.getFirst());
        }

        private void volumes(FabricWatcher client, Member member) throws Exception {
            CountingTree.Session command = fabric.tree.session();
            var records = new FabricRecords(command);
            var admin = new VolumeAdmin(records);
            Volume[] made = new Volume[1];
            count("a volume is made", command, () -> made[0] = make(admin, client.image()));
            // One group, served by the node that is real, so that its answer is, too.
            int pgBits = Integer.numberOfTrailingZeros(fabric.groups);
            fabric.giveTo(Placement.groupOf(made[0].placementRoot(), 0, pgBits), member);
            try (var pool = new PoolSession(command, client::image)) {
                count("it is attached", command, () -> pool.client().claim(made[0], "a command"));
                var cut = new ConsistentCut(pool, records, client::image);
                count(
                        "a snapshot of it is made",
                        command,
                        () -> cut.take(List.of(new Snapshot("new", "s1")), true));
            }
            count("the snapshot is deleted", command, () -> admin.delete(client::image, "new@s1"));
            count("the volume is deleted", command, () -> admin.delete(client::image, "new"));
        }

        private static Volume make(VolumeAdmin admin, FabricImage image) throws IOException {
            return admin.create(image, "new", ChunkKey.CHUNK_BYTES, Volume.Access.READ_WRITE);
        }

        private void nodes(Control control) throws Exception {
            int fresh = fabric.nodes;
            count("a node joins: its records", fabric.played, () -> fabric.join(fresh));
            moves("a node has joined: %d groups change", control, Set.of());
            Set<StoreId> away = Set.of(LargeFabric.id(7));
            List<Integer> of = fabric.groupsOf(7);
            count("a node dies: its presence goes", fabric.played, () -> fabric.loseSession(7));
            count(
                    "a node dies: its groups go on without",
                    fabric.played,
                    () -> {
                        for (int group : of) {
                            List<Member> rest = new ArrayList<>(fabric.group(group).members());
                            rest.removeIf(member -> away.contains(member.store()));
                            fabric.propose(group, rest);
                        }
                    });
            changed.put("of a dead node: %d groups", of.size());
            look(control);
            nowNanos.addAndGet(ControlSettings.DEFAULT.replaceAfter().toNanos());
            moves("its node stays away: %d groups change", control, away);
        }

        /// Control looks until nothing is left to do; the primaries do what is wanted.
        private void moves(String event, Control control, Set<StoreId> away) throws Exception {
            int[] all = new int[1];
            count(
                    event,
                    fabric.played,
                    () -> {
                        int quiet = 0;
                        while (quiet < 20) {
                            look(control);
                            int changed = fabric.carryOut(away);
                            all[0] += changed;
                            quiet = changed == 0 ? quiet + 1 : 0;
                        }
                    });
            changed.put(event, all[0]);
        }

        private void look(Control control) throws IOException {
            nowNanos.addAndGet(SECOND / 2);
            control.look();
        }

        private Control control(FabricWatcher watcher) throws IOException {
            return new Control(
                    new NodeId("control1"),
                    controlSession,
                    watcher,
                    ControlSettings.DEFAULT,
                    nowNanos::get);
        }

        private StorageNodeSettings settings() {
            return StorageNodeSettings.of(
                            new NodeId("counted"),
                            new Cluster(LargeFabric.CLUSTER, Cluster.FORMAT_VERSION, 5, 3, 1),
                            List.of(folder.resolve("store")),
                            new InetSocketAddress("127.0.0.1", 0),
                            "127.0.0.1")
                    .withDomain(FailureDomain.ofHost("counted"));
        }

        private void remember(String who, long bytes) {
            memory.add("%s: %.1f MiB of heap".formatted(who, bytes / 1048576.0));
        }

        private static long heapBytes() {
            System.gc();
            return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
        }
    }
}
