package weft.ops.controller;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.coordination.PoolImage;
import weft.fabric.Configuration;
import weft.fabric.FabricImage;
import weft.fabric.FailureDomain;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.PlacementGroupId;
import weft.fabric.PoolStore;
import weft.fabric.StoreId;
import weft.fabric.VmPlacement;
import weft.fabric.VmPlacement.State;
import weft.fabric.VmSpec;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/// Which host gets a VM that has none, and whether groups are placed on enough hosts.
class PlacementsTest {
    private static final NodeId HOST1 = new NodeId("host1");
    private static final NodeId HOST2 = new NodeId("host2");
    private static final long GIB = 1L << 30;

    private final Map<String, NodePresence> presences = new HashMap<>();
    private final Map<String, VmSpec> vms = new HashMap<>();
    private final Map<String, VmPlacement> placements = new HashMap<>();

    @Test
    void aVmThatIsNowhereGoesWhereMostMemoryIsFree() {
        live(HOST1, 4 * GIB);
        live(HOST2, 4 * GIB);
        vm("old", GIB, new VmPlacement(HOST1, HOST1, 1, State.RUNNING, ""));
        vm("new", GIB, new VmPlacement(null, null, 0, State.STOPPED, ""));
        assertEquals(Map.of("new", HOST2), chosen());
    }

    @Test
    void memoryIsGivenOnceOnly() {
        live(HOST1, 3 * GIB);
        vm("a", 2 * GIB, new VmPlacement(null, null, 0, State.STOPPED, ""));
        vm("b", 2 * GIB, new VmPlacement(null, null, 0, State.STOPPED, ""));
        assertEquals(Map.of("a", HOST1), chosen());
    }

    @Test
    void aVmThatIsOwnedStaysWithItsOwnerAlsoIfThatIsNotSeen() {
        live(HOST2, 4 * GIB);
        vm("a", GIB, new VmPlacement(HOST1, HOST1, 3, State.RUNNING, ""));
        assertEquals(Map.of(), chosen());
    }

    @Test
    void aFreeVmWhoseHostIsGoneGetsAnother() {
        live(HOST2, 4 * GIB);
        vm("a", GIB, new VmPlacement(HOST1, null, 3, State.STOPPED, ""));
        assertEquals(Map.of("a", HOST2), chosen());
        live(HOST1, 4 * GIB);
        assertEquals(Map.of(), chosen(), "it is back");
    }

    @Test
    void aVmThatFailedWaitsForAPerson() {
        live(HOST1, 4 * GIB);
        vm("a", GIB, new VmPlacement(null, null, 3, State.FAILED, ""));
        assertEquals(Map.of(), chosen());
    }

    @Test
    void copiesOnTwoDisksOfAHostAreNotApart() {
        var stores = new HashMap<StoreId, PoolStore>();
        List<Member> members = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            var id = new StoreId(new UUID(8, i));
            String node = "node" + i / 2;
            members.add(new Member(id, 1));
            stores.put(
                    id,
                    new PoolStore(
                            id,
                            new NodeId(node),
                            "/disk" + i,
                            1,
                            FailureDomain.ofHost(node),
                            PoolStore.State.IN));
        }
        var pool = new PoolImage(stores, Map.of());
        assertFalse(Placements.areApart(List.of(group(members)), pool));
        assertFalse(Placements.areApart(List.of(group(members.subList(0, 2))), pool));
        assertTrue(Placements.areApart(List.of(group(members.subList(1, 3))), pool));
    }

    private static Configuration group(List<Member> members) {
        return new Configuration(
                new PlacementGroupId(0),
                1,
                members.getFirst(),
                members,
                members.stream().map(Member::store).toList(),
                1);
    }

    private void live(NodeId node, long memoryBytes) {
        presences.put(
                "host/" + node,
                new NodePresence(
                        node,
                        NodePresence.Role.HOST,
                        1,
                        "",
                        "",
                        "",
                        "",
                        List.of(),
                        memoryBytes,
                        1));
    }

    private void vm(String name, long memoryBytes, VmPlacement placement) {
        vms.put(
                name,
                new VmSpec(
                        name,
                        new UUID(1, name.hashCode()),
                        "micro",
                        memoryBytes,
                        1,
                        List.of(),
                        List.of(),
                        VmSpec.Power.RUNNING));
        placements.put(name, placement);
    }

    private Map<String, NodeId> chosen() {
        FabricImage empty = FabricImage.EMPTY;
        return Placements.hostsForVms(
                new FabricImage(
                        empty.cluster(),
                        empty.settings(),
                        presences,
                        empty.volumes(),
                        empty.attachments(),
                        empty.exports(),
                        empty.images(),
                        empty.networks(),
                        empty.ports(),
                        vms,
                        placements,
                        empty.migrations()));
    }
}
