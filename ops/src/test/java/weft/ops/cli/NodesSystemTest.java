package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.fabric.Configuration;
import weft.fabric.NodePresence.Role;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.ops.admin.NodeAdmin;
import weft.ops.admin.PoolHealth;
import weft.ops.admin.VolumeAdmin;
import weft.ops.controller.ControlSettings;
import weft.ops.node.HostOffer;
import weft.ops.node.Part;
import weft.ops.pool.PoolSession;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// An operator's year with storage nodes: one joins, one is drained and let go and taken back, one
/// dies. Somebody writes all the time, and nothing that was acknowledged is lost.
@Timeout(300)
final class NodesSystemTest {
    private static final int GROUPS = 32;
    private static final int REPLICAS = 3;

    /// Of four nodes; give or take 5 %, which is one.
    private static final int SHARE = GROUPS * REPLICAS / 4;

    private static String type(LoopbackFabric fabric, String line) {
        LoopbackFabric.Ended ended = fabric.type(line);
        assertEquals(0, ended.exitCode(), line + ": " + ended.err());
        return ended.out();
    }

    private static void refuse(LoopbackFabric fabric, int exitCode, String line, String why)
            throws Exception {
        var before = new NodeAdmin(fabric.session().records()).stores();
        LoopbackFabric.Ended ended = fabric.type(line);
        assertEquals(exitCode, ended.exitCode(), line + ": " + ended.err());
        assertTrue(ended.err().contains(why), ended.err());
        assertEquals(before, new NodeAdmin(fabric.session().records()).stores(), line);
    }

    private static JsonNode row(LoopbackFabric fabric, String node) throws Exception {
        for (JsonNode row : new ObjectMapper().readTree(type(fabric, "node list --all --json"))) {
            if (row.path("node").asText().equals(node)) {
                return row;
            }
        }
        throw new AssertionError("no " + node);
    }

    private static long groups(LoopbackFabric fabric, String node) throws Exception {
        return row(fabric, node).path("groups").asLong();
    }

    /// Nothing is on its way: every group has the members it wants, and no others.
    private static boolean isSettled(LoopbackFabric fabric) throws Exception {
        List<Configuration> groups = PoolHealth.groups(fabric.session().records());
        return groups.stream()
                .allMatch(group ->
                        group.members().size() == REPLICAS
                                && group.wanted().stream().allMatch(group::hasStore));
    }

    private static void awaitGroups(LoopbackFabric fabric, String node, long least, long most)
            throws Exception {
        try {
            Await.until(
                    node + " with " + least + " to " + most + " groups, all settled",
                    Duration.ofSeconds(60),
                    () -> {
                        long groups = groups(fabric, node);
                        return groups >= least && groups <= most && isSettled(fabric);
                    });
        } catch (AssertionError e) {
            throw new AssertionError(type(fabric, "node list --all") + type(fabric, "pool map"), e);
        }
    }

    private static void requireEqualReplicas(LoopbackFabric fabric) throws Exception {
        try (var pool =
                new PoolSession(fabric.session().records().store(), fabric.session()::image)) {
            Await.until(
                    "all replicas are equal",
                    () -> {
                        var result = pool.client().replicaComparison().compare();
                        return result.fullGroups() == GROUPS && result.differences().isEmpty();
                    });
        }
    }

    @Test
    void nodesComeAndGoWhileSomebodyWrites(@TempDir Path folder) throws Exception {
        var settings = new ControlSettings(Duration.ofSeconds(4), 8, 2);
        try (var fabric = LoopbackFabric.start(folder, settings);
                var pool =
                        new PoolSession(
                                fabric.session().records().store(), fabric.session()::image)) {
            type(fabric, "volume create data --size 64M");
            Await.until("data", () -> fabric.session().image().volumes().containsKey("data"));
            Volume volume = VolumeAdmin.find(fabric.session().image(), "data");
            var claimed = pool.client().claim(volume, "test");
            try (var open = pool.client().open(claimed)) {
                var writer = new BlockWriter(open);
                refuse(fabric, 3, "node drain node1", "2 live stores would be left for 3 copies");
                Part node4 = Part.storage(fabric.layout().part(Role.STORAGE, 4, HostOffer.NONE));
                try {
                    awaitGroups(fabric, "node4", SHARE - 1, SHARE + 1);
                    drainAndRemove(fabric);
                    writer.finish();
                    requireEqualReplicas(fabric);
                    writer = new BlockWriter(open);
                    takeBack(fabric);
                } finally {
                    node4.close();
                }
                awaitGroups(fabric, "node4", 0, 0);
                awaitGroups(fabric, "node1", GROUPS, GROUPS);
                assertEquals("in (down)", row(fabric, "node4").path("state").asText());
                writer.finish();
                requireEqualReplicas(fabric);
                type(fabric, "node remove node4");
                assertTrue(!type(fabric, "node list").contains("node4"));
            }
        }
    }

    private static void drainAndRemove(LoopbackFabric fabric) throws Exception {
        refuse(fabric, 3, "node remove node1", "node 'node1' is in use: weft node drain node1");
        String drained = type(fabric, "node drain node1");
        assertTrue(drained.contains("has no copies any more"), drained);
        assertEquals(0, groups(fabric, "node1"));
        assertEquals("drained", row(fabric, "node1").path("state").asText());
        assertTrue(isSettled(fabric));
        refuse(fabric, 3, "node drain node2", "2 live stores would be left");
        type(fabric, "node remove node1");
        assertEquals("removed", row(fabric, "node1").path("state").asText());
    }

    /// The command ends when its copies are made, and others see how many are still to be.
    private static void takeBack(LoopbackFabric fabric) throws Exception {
        assertEquals(0, due(fabric));
        LoopbackFabric.Ended added = fabric.type("node add node1");
        assertEquals(0, added.exitCode(), added.err());
        assertTrue(added.err().contains("moving node1 100%"), added.err());
        long groups = groups(fabric, "node1");
        assertTrue(groups >= SHARE - 1 && groups <= SHARE + 1, groups + " groups");
        assertEquals(0, due(fabric));

        // Of every group a copy, give or take 5 %, is the most that one store can have.
        type(fabric, "node reweight node1 1000 --no-wait");
        assertTrue(due(fabric) > 0, type(fabric, "pool status"));
        assertTrue(type(fabric, "pool status").contains("are to be made or moved ("));
        type(fabric, "node reweight node1 1000 --json");
        assertTrue(groups(fabric, "node1") >= GROUPS - 1, type(fabric, "node list"));
        double weight = row(fabric, "node2").path("weight").asDouble();
        type(fabric, "node reweight node1 " + weight);
        awaitGroups(fabric, "node1", SHARE - 1, SHARE + 1);
    }

    private static long due(LoopbackFabric fabric) throws Exception {
        JsonNode copies =
                new ObjectMapper().readTree(type(fabric, "pool status --json")).path("copies");
        return copies.path("underWay").asLong() + copies.path("planned").asLong();
    }

    @Test
    void whatIsWrongIsSaidAndChangesNothing(@TempDir Path folder) throws Exception {
        try (var fabric = LoopbackFabric.start(folder)) {
            refuse(fabric, 3, "node drain node9", "there is no storage node 'node9'");
            refuse(fabric, 3, "node remove nod", "did you mean 'node1'?");
            refuse(fabric, 2, "node reweight node1 0", "weight 0.0 is not in");
            refuse(fabric, 2, "node reweight node1 NaN", "weight NaN is not in");
            refuse(fabric, 2, "node reweight node1 much", "WEIGHT");
            refuse(fabric, 2, "node domain node1", "--zone, --rack or --host");
            refuse(fabric, 2, "node domain node1 --rack a/b", "rack 'a/b' is not usable");
            refuse(fabric, 2, "node drain", "NODE");
            type(fabric, "node domain node1 --zone east --rack r1");
            type(fabric, "node reweight node1 2.5");
            assertEquals("east", row(fabric, "node1").path("zone").asText());
            assertEquals("node1", row(fabric, "node1").path("host").asText());
            assertEquals(2.5, row(fabric, "node1").path("weight").asDouble());
            String store = row(fabric, "node2").path("store").asText();
            type(fabric, "node reweight " + store.substring(0, 8) + " 3");
            assertEquals(3, row(fabric, "node2").path("weight").asDouble());
            assertTrue(type(fabric, "node list").contains("east/r1/node1"));
        }
    }
}
