package weft.ops.controller;

import weft.coordination.CountingTree;
import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricWatcher;
import weft.coordination.PoolWatcher;
import weft.fabric.Attachment;
import weft.fabric.Cluster;
import weft.fabric.Configuration;
import weft.fabric.FabricJson;
import weft.fabric.FailureDomain;
import weft.fabric.Member;
import weft.fabric.NodeDisk;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.PlacementGroupId;
import weft.fabric.PoolStore;
import weft.fabric.StoreId;
import weft.fabric.Volume;
import weft.fabric.VolumeId;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/// The records of a fabric of so many storage nodes, groups and volumes, in a coordination that
/// counts. Nodes and primaries are played: what they write is written here.
final class LargeFabric {
    static final UUID CLUSTER = new UUID(1, 2);

    private static final int REPLICAS = 3;
    private static final int GROUPS_MAX_BITS = 16;

    final CountingTree tree = new CountingTree();

    /// What nodes that are played ask, each as production does for what they write.
    final CountingTree.Session played = tree.session();

    final int nodes;
    final int groups;
    final int volumes;
    private final FabricRecords records = new FabricRecords(played);
    private final FabricRecords uncounted = new FabricRecords(tree.session());
    private final PoolWatcher view;

    LargeFabric(int nodes, int pgBits, int volumes) throws IOException {
        assert pgBits <= GROUPS_MAX_BITS;
        this.nodes = nodes;
        this.groups = 1 << pgBits;
        this.volumes = volumes;
        var cluster = new Cluster(CLUSTER, Cluster.FORMAT_VERSION, pgBits, REPLICAS, 1);
        put(FabricPaths.CLUSTER, cluster);
        for (int i = 0; i < nodes; i++) {
            put(FabricPaths.store(id(i)), store(i));
            put(presencePath(i), presence(i));
        }
        var scratch = tree.session();
        try (var watcher = FabricWatcher.start(scratch);
                var pool = PoolWatcher.start(scratch)) {
            for (Configuration group :
                    Placements.firstConfigurations(cluster, watcher.image(), pool.image())) {
                put(FabricPaths.placementGroup(group.pg()), group);
            }
        }
        put(FabricPaths.VOLUME_IDS, new FabricRecords.VolumeIds(volumes + 1L));
        for (int i = 1; i <= volumes; i++) {
            var id = new VolumeId(i);
            put(FabricPaths.volume(name(i)), volume(name(i), id));
            put(FabricPaths.attachment(id), new Attachment(id, "vm web @ host1", 1));
        }
        view = PoolWatcher.start(tree.session());
    }

    private void put(String path, Object noun) {
        tree.put(path, FabricJson.write(noun));
    }

    static String name(int volume) {
        return "volume-%07d".formatted(volume);
    }

    private static Volume volume(String name, VolumeId id) {
        return new Volume(id, name, 1L << 30, Volume.Access.READ_WRITE, List.of(id), id);
    }

    static StoreId id(int number) {
        return new StoreId(new UUID(0x5eed, number * 0x9e3779b97f4a7c15L));
    }

    private static NodeId node(int number) {
        return new NodeId("node" + number);
    }

    private static PoolStore store(int number) {
        return new PoolStore(
                id(number),
                node(number),
                "/srv/weft",
                1,
                new FailureDomain("zone" + number % 4, "rack" + number % 40, "host" + number),
                PoolStore.State.IN);
    }

    private static String presencePath(int number) {
        return FabricPaths.presence(NodePresence.Role.STORAGE, node(number).name());
    }

    private static NodePresence presence(int number) {
        return new NodePresence(
                node(number),
                NodePresence.Role.STORAGE,
                1,
                "192.0.2.1:7400",
                "192.0.2.1:10809",
                "",
                "192.0.2.1:9400",
                List.of(NodeDisk.serving("/srv/weft", new Member(id(number), 1))),
                0,
                4711);
    }

    /// A new node announces itself and records its store.
    void join(int number) throws IOException {
        records.create(FabricPaths.store(id(number)), store(number));
        var _ = played.announce(presencePath(number), FabricJson.write(presence(number)));
    }

    /// The ensemble ends a dead node's session.
    void loseSession(int number) throws IOException {
        records.delete(presencePath(number));
    }

    Configuration group(int number) throws IOException {
        return uncounted.find(path(number), Configuration.class).orElseThrow().noun();
    }

    private static String path(int group) {
        return FabricPaths.placementGroup(new PlacementGroupId(group));
    }

    /// Makes a group anew, of one member, as control makes a first configuration.
    void giveTo(PlacementGroupId pg, Member only) throws IOException {
        String path = FabricPaths.placementGroup(pg);
        uncounted.delete(path);
        uncounted.create(
                path, new Configuration(pg, 1, only, List.of(only), List.of(only.store()), 1));
    }

    /// Control is to leave the store alone.
    void takeOut(StoreId store) throws IOException {
        uncounted.update(
                FabricPaths.store(store),
                PoolStore.class,
                now -> now.withState(PoolStore.State.REMOVED));
    }

    /// A member proposes the next version of a group; who is to be in it is the caller's choice.
    void propose(int group, List<Member> members) throws IOException {
        records.update(
                path(group),
                Configuration.class,
                now ->
                        now.next(
                                members.contains(now.primary())
                                        ? now.primary()
                                        : members.getFirst(),
                                members));
    }

    /// Groups of which the store is a member.
    List<Integer> groupsOf(int store) {
        return view.image().groups().values().stream()
                .filter(group -> group.hasStore(id(store)))
                .map(group -> group.pg().value())
                .toList();
    }

    /// The primaries do what is wanted of them: they take the new store in, then let the old one
    /// go. Answers how many groups were changed.
    int carryOut(Set<StoreId> away) throws IOException {
        int changed = 0;
        for (Configuration now : view.image().groups().values()) {
            List<Member> wanted = new ArrayList<>();
            for (StoreId store : now.wanted()) {
                if (!away.contains(store)) {
                    wanted.add(memberOf(now, store));
                }
            }
            if (wanted.equals(now.members()) || wanted.isEmpty()) {
                continue;
            }
            changed++;
            List<Member> both = new ArrayList<>(now.members());
            wanted.stream().filter(member -> !now.members().contains(member)).forEach(both::add);
            if (both.size() > now.members().size()) {
                propose(now.pg().value(), both);
            }
            if (!both.equals(wanted)) {
                propose(now.pg().value(), wanted);
            }
        }
        return changed;
    }

    private static Member memberOf(Configuration group, StoreId store) {
        return group.members().stream()
                .filter(member -> member.store().equals(store))
                .findAny()
                .orElse(new Member(store, 1));
    }
}
