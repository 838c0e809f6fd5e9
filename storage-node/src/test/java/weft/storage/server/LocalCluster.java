package weft.storage.server;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import org.jspecify.annotations.Nullable;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore;
import weft.coordination.FabricWatcher;
import weft.coordination.zookeeper.EmbeddedZooKeeper;
import weft.coordination.zookeeper.ZooKeeperFabricStore;
import weft.fabric.Cluster;
import weft.fabric.Configuration;
import weft.fabric.FailureDomain;
import weft.fabric.Member;
import weft.fabric.NodeDisk;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.Placement;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.runtime.BootClock;
import weft.storage.StorageNode;
import weft.storage.StorageNodeSettings;
import weft.storage.replica.ReplicaSettings;
import weft.storage.store.StoreSettings;
import weft.transport.Handshake;
import weft.transport.Role;
import weft.transport.Transport;
import weft.volume.OpenVolumes;
import weft.volume.PoolClient;
import weft.wire.audit.AuditCodec;
import weft.wire.storage.StorageCodec;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.IntStream;

/// A pool on this machine for tests: a real ZooKeeper, storage nodes in this process (or elsewhere)
/// over real sockets and folders, a client. What control does, it does itself.
final class LocalCluster implements AutoCloseable {
    static final int REPLICAS = 3;

    private final Deque<AutoCloseable> opened = new ArrayDeque<>();
    private final @Nullable StorageNode[] nodes = new @Nullable StorageNode[REPLICAS + 1];
    private final Path folder;
    final UUID clusterId = UUID.randomUUID();
    private final int zooKeeperPort;
    EmbeddedZooKeeper zooKeeper;
    StoreSettings storeSettings = StoreSettings.DEFAULT;
    ScrubSettings scrubSettings = ScrubSettings.DEFAULT;
    ReplicaSettings replicaSettings = ReplicaSettings.DEFAULT;
    int disksPerNode = 1;
    List<String> adopted = List.of();
    final ZooKeeperFabricStore store;
    final FabricRecords records;
    final FabricWatcher watcher;
    final SimpleMeterRegistry registry = new SimpleMeterRegistry();

    LocalCluster(Path folder, int pgBits, int minReplicas) throws IOException {
        this.folder = folder;
        zooKeeper = EmbeddedZooKeeper.start(folder.resolve("zk"), "127.0.0.1", 0);
        opened(() -> zooKeeper.close());
        String connect = zooKeeper.connectString();
        zooKeeperPort = Integer.parseInt(connect.substring(connect.lastIndexOf(':') + 1));
        store = opened(connect(zooKeeper.connectString()));
        records = new FabricRecords(store);
        records.create(
                FabricPaths.CLUSTER,
                new Cluster(clusterId, Cluster.FORMAT_VERSION, pgBits, REPLICAS, minReplicas));
        watcher = opened(FabricWatcher.start(store));
    }

    private static ZooKeeperFabricStore connect(String connectString) throws IOException {
        return ZooKeeperFabricStore.connect(connectString, Duration.ofSeconds(20));
    }

    void stopZooKeeper() {
        zooKeeper.close();
    }

    /// On the same port, with what it had.
    void startZooKeeper() throws IOException {
        zooKeeper = EmbeddedZooKeeper.start(folder.resolve("zk"), "127.0.0.1", zooKeeperPort);
    }

    private <T extends AutoCloseable> T opened(T part) {
        opened.push(part);
        return part;
    }

    /// Settings of small disks and memories for the node of that number, 1 to 3.
    static StorageNodeSettings settings(
            UUID clusterId, int number, Path folder, StoreSettings storeSettings) {
        return settings(
                clusterId,
                number,
                List.of(folder),
                ReplicaSettings.DEFAULT,
                storeSettings,
                ScrubSettings.DEFAULT);
    }

    private static StorageNodeSettings settings(
            UUID clusterId,
            int number,
            List<Path> folders,
            ReplicaSettings replicaSettings,
            StoreSettings storeSettings,
            ScrubSettings scrubSettings) {
        return new StorageNodeSettings(
                new NodeId("node" + number),
                clusterId,
                folders,
                List.of(),
                new InetSocketAddress("127.0.0." + (10 + number), 0),
                "127.0.0." + (10 + number),
                "",
                "",
                FailureDomain.ofHost("node" + number),
                replicaSettings,
                storeSettings,
                scrubSettings,
                Duration.ofSeconds(2),
                2);
    }

    Path folderOf(int number) {
        return folderOf(number, 0);
    }

    /// @param disk of the node, from 0
    Path folderOf(int number, int disk) {
        return folder.resolve("node" + number + (disk == 0 ? "" : "-disk" + disk));
    }

    /// Starts a node in this process, with a session of its own.
    StorageNode startNode(int number) throws IOException {
        var session = opened(connect(zooKeeper.connectString()));
        var node =
                StorageNode.start(
                        settings(
                                        clusterId,
                                        number,
                                        IntStream.range(0, disksPerNode)
                                                .mapToObj(disk -> folderOf(number, disk))
                                                .toList(),
                                        replicaSettings,
                                        storeSettings,
                                        scrubSettings)
                                .adopting(adopted),
                        session,
                        registry);
        nodes[number] = opened(node);
        return node;
    }

    void stopNode(int number) {
        StorageNode node = nodes[number];
        if (node != null) {
            node.close();
            nodes[number] = null;
        }
    }

    /// Waits until every group has all the members it should and they hold the same, to the byte.
    void awaitWhole(PoolClient client) throws Exception {
        Await.until(
                "all replicas are there and equal",
                () -> {
                    try {
                        var result = client.replicaComparison().compare();
                        return result.fullGroups() == result.groups()
                                && result.differences().isEmpty();
                    } catch (IOException e) {
                        return false; // A node that returns does not answer yet.
                    }
                });
    }

    /// Waits until so many storage nodes are there, then writes the first configurations: of
    /// several disks, each has the groups of every so manyth number.
    void placeGroups() throws Exception {
        Await.until("all nodes are announced", () -> storagePresences().size() >= REPLICAS);
        Cluster cluster = watcher.image().cluster().orElseThrow();
        for (int i = 0; i < 1 << cluster.pgBits(); i++) {
            List<Placement.Candidate> candidates = new ArrayList<>();
            List<Member> members = new ArrayList<>();
            for (NodePresence presence : storagePresences()) {
                Member member = presence.stores().get(i % disksPerNode);
                candidates.add(new Placement.Candidate(member.store(), presence.node().name(), 1));
                members.add(member);
            }
            var pg = new PlacementGroupId(i);
            List<StoreId> wanted = Placement.wanted(pg, candidates, REPLICAS);
            List<Member> chosen = new ArrayList<>();
            for (StoreId id : wanted) {
                members.stream().filter(m -> m.store().equals(id)).forEach(chosen::add);
            }
            records.create(
                    FabricPaths.PLACEMENT_GROUPS + "/" + i,
                    new Configuration(
                            pg, 1, chosen.getFirst(), chosen, wanted, cluster.minReplicas()));
        }
    }

    private List<NodePresence> storagePresences() {
        return watcher.image().presences().values().stream()
                .filter(presence -> presence.role() == NodePresence.Role.STORAGE)
                .toList();
    }

    /// The group's configuration as it is now.
    Configuration configuration(int pg) throws IOException {
        return records.find(FabricPaths.PLACEMENT_GROUPS + "/" + pg, Configuration.class)
                .orElseThrow()
                .noun();
    }

    /// The running node's store.
    Member member(int number) {
        return member(number, 0);
    }

    /// The running node's store in that disk.
    Member member(int number, int disk) {
        return Objects.requireNonNull(nodes[number]).members().get(disk);
    }

    /// What the node tells of its disks.
    List<NodeDisk> disks(int number) {
        return watcher.image()
                .presence(NodePresence.Role.STORAGE, new NodeId("node" + number))
                .map(NodePresence::disks)
                .orElse(List.of());
    }

    /// Whether the group's configuration has the running node's store.
    boolean isMember(int pg, int number) throws IOException {
        return configuration(pg).members().contains(member(number));
    }

    PoolClient client(String name) {
        return client(name, store);
    }

    /// A client that sees the coordination through another view.
    PoolClient client(String name, FabricStore view) {
        var transport =
                opened(
                        new Transport(
                                Handshake.of(clusterId, Role.CLIENT, new NodeId(name), 1),
                                List.of(new StorageCodec(), new AuditCodec()),
                                1,
                                registry));
        return opened(
                new PoolClient(
                        view,
                        watcher::image,
                        transport,
                        BootClock.SYSTEM,
                        registry,
                        new OpenVolumes()));
    }

    Volume createVolume(String name, long sizeBytes) throws IOException {
        List<Volume> made = new ArrayList<>();
        var _ =
                records.commitLayers(
                        1,
                        id -> {
                            made.add(
                                    new Volume(
                                            id,
                                            name,
                                            sizeBytes,
                                            Volume.Access.READ_WRITE,
                                            List.of(id),
                                            id));
                            return List.of(
                                    FabricRecords.creation(
                                            FabricPaths.volume(name), made.getLast()));
                        });
        return made.getLast();
    }

    @Override
    public void close() {
        while (!opened.isEmpty()) {
            try {
                opened.pop().close();
            } catch (Exception e) {
                throw new IllegalStateException("closing a part of the cluster", e);
            }
        }
    }
}
