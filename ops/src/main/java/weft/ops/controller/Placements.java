package weft.ops.controller;

import weft.coordination.PoolImage;
import weft.fabric.Cluster;
import weft.fabric.Configuration;
import weft.fabric.FabricImage;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.PlacementGroupId;
import weft.fabric.PoolStore;
import weft.fabric.StoreId;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.ops.admin.HostMemory;
import weft.ops.placement.PlannedGroup;
import weft.ops.placement.PlannedStore;
import weft.ops.placement.Planner;
import weft.ops.placement.Standing;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Where placement groups and VMs belong: pure functions of the fabric's image.
final class Placements {
    private Placements() {}

    /// The stores that live nodes serve, in their present lives.
    static Map<StoreId, Member> liveStores(FabricImage image) {
        var members = new HashMap<StoreId, Member>();
        for (NodePresence presence : ofRole(image, NodePresence.Role.STORAGE)) {
            presence.stores().forEach(member -> members.put(member.store(), member));
        }
        return members;
    }

    /// The first configurations of the placement groups that have none yet; empty until there are
    /// as many live stores as a group has copies. After this only members propose configurations.
    static List<Configuration> firstConfigurations(
            Cluster cluster, FabricImage image, PoolImage pool) {
        Map<StoreId, Member> live = liveStores(image);
        var stores = new ArrayList<PlannedStore>();
        for (PoolStore store : pool.stores().values()) {
            boolean usable = store.state() == PoolStore.State.IN && live.containsKey(store.store());
            if (usable) {
                stores.add(
                        new PlannedStore(
                                store.store(), store.weight(), store.domain(), Standing.TARGET));
            }
        }
        if (stores.size() < cluster.replicas()) {
            return List.of();
        }
        var missing = new ArrayList<PlannedGroup>();
        for (int i = 0; i < 1 << cluster.pgBits(); i++) {
            var pg = new PlacementGroupId(i);
            if (!pool.groups().containsKey(pg)) {
                missing.add(new PlannedGroup(pg, List.of(), 0));
            }
        }
        var made = new ArrayList<Configuration>();
        for (var change : Planner.plan(stores, missing, cluster.replicas()).changes()) {
            List<Member> chosen =
                    change.after().stream()
                            .map(store -> Optional.ofNullable(live.get(store)))
                            .flatMap(Optional::stream)
                            .toList();
            made.add(
                    new Configuration(
                            change.pg(),
                            1,
                            chosen.getFirst(),
                            chosen,
                            change.after(),
                            cluster.minReplicas()));
        }
        return made;
    }

    /// Whether no two copies of a group stand on one host.
    static boolean areApart(List<Configuration> groups, PoolImage pool) {
        for (Configuration group : groups) {
            long hosts =
                    group.wanted().stream()
                            .map(store -> Optional.ofNullable(pool.stores().get(store)))
                            .flatMap(Optional::stream)
                            .map(PoolStore::domain)
                            .distinct()
                            .count();
            if (hosts < group.wanted().size()) {
                return false;
            }
        }
        return true;
    }

    /// VM → host for VMs that should run and that nobody runs or will run.
    static Map<String, NodeId> hostsForVms(FabricImage image) {
        List<NodePresence> hosts = ofRole(image, NodePresence.Role.HOST);
        var chosen = new HashMap<String, NodeId>();
        Map<NodeId, Long> freeBytes = HostMemory.freeBytes(image);
        image.vms().values().stream()
                .sorted(Comparator.comparing(VmSpec::name))
                .filter(spec -> spec.power() == VmSpec.Power.RUNNING)
                .filter(spec -> needsHost(image, spec))
                .forEach(spec ->
                        hosts.stream()
                                .map(NodePresence::node)
                                .filter(node ->
                                        freeBytes.getOrDefault(node, 0L) >= spec.memoryBytes())
                                .max(
                                        Comparator.comparingLong((NodeId node) ->
                                                        freeBytes.getOrDefault(node, 0L))
                                                .thenComparing(Comparator.reverseOrder()))
                                .ifPresent(node -> {
                                    chosen.put(spec.name(), node);
                                    freeBytes.merge(node, -spec.memoryBytes(), Long::sum);
                                }));
        return chosen;
    }

    private static boolean needsHost(FabricImage image, VmSpec spec) {
        VmPlacement placement = image.placements().get(spec.name());
        if (placement == null || placement.owner() != null) {
            // An owner that is not alive keeps its VM: only `--ha`, which fences it first, may not.
            return false;
        }
        if (placement.state() == VmPlacement.State.FAILED) {
            return false;
        }
        NodeId host = placement.host();
        return host == null || image.presence(NodePresence.Role.HOST, host).isEmpty();
    }

    private static List<NodePresence> ofRole(FabricImage image, NodePresence.Role role) {
        return image.presences().values().stream()
                .filter(presence -> presence.role() == role)
                .sorted(Comparator.comparing(NodePresence::node))
                .toList();
    }
}
