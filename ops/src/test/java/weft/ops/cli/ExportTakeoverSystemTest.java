package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.coordination.FabricPaths;
import weft.fabric.Attachment;
import weft.fabric.Export;
import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.fixtures.Await;
import weft.ops.admin.VmAdmin;
import weft.ops.pool.PoolSession;
import weft.vmhost.agent.Claims;
import weft.volume.PoolClient;
import weft.volume.RemoteVolume;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// A VM's disk is taken away from its host, which may be gone, or hang and come back.
@Timeout(180)
final class ExportTakeoverSystemTest extends VolumeSystemTest {
    private static final int DISK_BYTES = 64 << 20;

    private static final int ROUNDS = 3;

    /// Sleeps for ever.
    private static final int[] IDLE = {0x10500073, 0xffdff06f};

    @BeforeAll
    void importImage(@TempDir Path folder) throws Exception {
        TinyImage.importTo(
                fabric(), folder, "idle", TinyImage.kernel(IDLE), TinyImage.emptyArchive());
    }

    private VmPlacement placement(String vm) throws Exception {
        return fabric().session()
                .records()
                .find(FabricPaths.placement(vm), VmPlacement.class)
                .orElseThrow()
                .noun();
    }

    private Attachment attachment(String volume) throws Exception {
        return fabric().session()
                .records()
                .find(FabricPaths.attachment(record(volume).id()), Attachment.class)
                .orElseThrow()
                .noun();
    }

    /// As it is when a host that ran the VM has died: nobody has said that it does not.
    private void leaveTo(String vm, String host) throws Exception {
        var records = fabric().session().records();
        var gone = new NodeId(host);
        var left = new VmPlacement(gone, gone, 1, VmPlacement.State.RUNNING, "");
        assertTrue(
                records.update(FabricPaths.placement(vm), VmPlacement.class, _ -> left)
                        .isPresent());
        assertTrue(
                records.update(
                                FabricPaths.vm(vm),
                                VmSpec.class,
                                now -> now.withPower(VmSpec.Power.RUNNING))
                        .isPresent());
        Await.until(
                "it is seen",
                () -> {
                    FabricImage seen = fabric().session().image();
                    return left.equals(seen.placements().get(vm))
                            && VmAdmin.find(seen, vm).power() == VmSpec.Power.RUNNING;
                });
    }

    private void unexport(String volume) throws Exception {
        type("volume unexport " + volume);
        Await.until("it is", () -> !fabric().session().image().exports().containsKey(volume));
    }

    /// Two commands at once, each at a node of its own.
    private List<LoopbackFabric.Ended> both(String one, String other) throws Exception {
        var together = new CyclicBarrier(2);
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<LoopbackFabric.Ended>> ended = new ArrayList<>();
            for (String line : List.of(one, other)) {
                ended.add(
                        threads.submit(() -> {
                            together.await();
                            return fabric().type(line);
                        }));
            }
            return List.of(ended.getFirst().get(), ended.getLast().get());
        }
    }

    private Export export(String volume) throws Exception {
        return fabric().session()
                .records()
                .find(FabricPaths.export(volume), Export.class)
                .orElseThrow()
                .noun();
    }

    @Test
    void ofTwoCommandsThatForceAnExportAtOnceOneDoes() throws Exception {
        for (int round = 0; round < ROUNDS; round++) {
            String volume = "both" + round;
            create(volume);
            try (var host = new HolderProcess(fabric(), "hung" + round);
                    RemoteVolume disk = host.open(volume)) {
                write(disk, 0, (byte) 1, BLOCK);
                long before = token(volume);
                String force = "volume export " + volume + " --force --node ";
                var ended = both(force + "node1", force + "node2");
                List<NodeId> nodes = export(volume).nodes();
                assertEquals(1, nodes.size(), ended.toString());
                boolean isFirst = nodes.getFirst().name().equals("node1");
                LoopbackFabric.Ended done = isFirst ? ended.getFirst() : ended.getLast();
                LoopbackFabric.Ended late = isFirst ? ended.getLast() : ended.getFirst();
                assertEquals(0, done.exitCode(), done.err());
                assertEquals(3, late.exitCode(), late.toString());
                assertTrue(late.err().contains("is exported already, by " + nodes.getFirst()));
                // Taken away once, and from then on the holder is refused.
                assertEquals(before + 1, token(volume));
                assertTrue(fails(() -> disk.write(0, ByteBuffer.allocate(BLOCK)).get()));

                // The same once more finds it done, and raises the token where it was not known.
                String uris = type("volume export " + volume + " --force");
                assertTrue(uris.contains("exported at nbd://"), uris);
                assertEquals(before + 1, token(volume));
                assertEquals(nodes, export(volume).nodes());
            }
            unexport(volume);
        }
    }

    /// Chunks, and so groups, that take a write of the holder. Of what it has open the first that
    /// refuses is the last that is asked: it opens the volume anew for each, by its old token.
    private static List<Long> accepted(HolderProcess host, PoolClient.Claimed claimed)
            throws Exception {
        List<Long> chunks = new ArrayList<>();
        for (long at = 0; at < DISK_BYTES; at += CHUNK) {
            long offset = at;
            try (RemoteVolume late = host.pool().open(claimed)) {
                if (!fails(() -> late.write(offset, ByteBuffer.allocate(BLOCK)).get())) {
                    chunks.add(at / CHUNK);
                }
            }
        }
        return chunks;
    }

    @Test
    void theDiskOfAVmWhoseHostIsGoneIsTakenOverAndWhatTheHostStillSendsIsRefused()
            throws Exception {
        type("vm create lost --image idle --memory 96M --disk 64M --stopped");
        Await.until("it", () -> fabric().session().image().placements().containsKey("lost"));
        try (var host = new HolderProcess(fabric(), "hung");
                RemoteVolume disk = host.open("lost-root")) {
            var claimed = new PoolClient.Claimed(record("lost-root"), attachment("lost-root"));
            for (long at = 0; at < DISK_BYTES; at += CHUNK) {
                write(disk, at, (byte) 1, BLOCK);
            }
            leaveTo("lost", "gone");
            String refusal = refused("volume export lost-root");
            assertTrue(refusal.contains("whose host gone is not there"), refusal);
            assertTrue(refusal.contains("with --force"), refusal);

            assertEquals(DISK_BYTES / CHUNK, accepted(host, claimed).size());
            write(disk, 0, (byte) 2, BLOCK);
            long before = token("lost-root");
            String out = type("volume export lost-root --force");
            // At once, in each placement group, with nobody else there yet.
            assertEquals(List.of(), accepted(host, claimed));
            assertTrue(fails(() -> disk.write(0, ByteBuffer.allocate(BLOCK)).get()));
            assertTrue(out.contains("exported at nbd://"), out);
            assertTrue(out.contains("stopped: lost"), out);
            assertEquals(before + 1, token("lost-root"));
            assertArrayEquals(filled(2, BLOCK), readOnce("lost-root", 0, BLOCK));
            assertArrayEquals(filled(0, BLOCK), readOnce("lost-root", 5L * CHUNK, BLOCK));
            assertNobodyRuns("lost", 2);

            // The export's node is the next holder, and the host stays refused.
            try (var pool =
                            new PoolSession(
                                    fabric().session().records().store(),
                                    fabric().session()::image);
                    RemoteVolume node =
                            pool.client().openExported(record("lost-root"), new NodeId("node1"))) {
                write(node, 0, (byte) 3, BLOCK);
                assertTrue(fails(() -> disk.write(0, ByteBuffer.allocate(BLOCK)).get()));
                assertArrayEquals(filled(3, BLOCK), read(node, 0, BLOCK));
            }
        }
        assertTrue(refused("volume export lost-root --force").contains("is exported already"));
        assertTrue(refused("vm start lost").contains("volume unexport lost-root"));
        unexport("lost-root");
        type("vm start lost");
        assertEquals(VmPlacement.State.RUNNING, placement("lost").state());
        type("vm stop lost --force");
    }

    private void assertNobodyRuns(String vm, long epoch) throws Exception {
        VmPlacement now = placement(vm);
        assertNull(now.owner());
        assertEquals(epoch, now.epoch());
        assertEquals(VmPlacement.State.FAILED, now.state());
        assertEquals("its disk was taken over by an export", now.detail());
    }

    @Test
    void aHostThatIsThereLetsGoOfTheVm() throws Exception {
        type("vm create here --image idle --memory 96M --disk 64M --host host1");
        String refusal = refused("volume export here-root");
        assertTrue(refusal.contains("weft vm stop here"), refusal);
        assertTrue(refusal.contains("--force"), refusal);
        long epoch = placement("here").epoch();
        long before = token("here-root");
        assertTrue(type("volume export here-root --force").contains("stopped: here"));
        assertEquals(before + 1, token("here-root"));
        assertNobodyRuns("here", epoch + 1);
        unexport("here-root");
        // The host has room for it again, and starts it in an epoch of its own.
        type("vm start here --host host1");
        assertEquals(epoch + 2, placement("here").epoch());
        type("vm stop here --force");
    }

    @Test
    void aHostThatComesBackDoesNotTakeTheDiskBack() throws Exception {
        type("vm create back --image idle --memory 96M --disk 64M --stopped");
        Await.until("it", () -> fabric().session().image().placements().containsKey("back"));
        leaveTo("back", "gone");
        type("volume export back-root --force");
        // As the host finds it that is started again under the old name.
        var records = fabric().session().records();
        var claims = new Claims(records, new NodeId("gone"));
        VmSpec spec = records.find(FabricPaths.vm("back"), VmSpec.class).orElseThrow().noun();
        assertTrue(claims.claim(spec).isEmpty());
        // Nor does control have another host take it.
        assertNobodyRuns("back", 2);
        unexport("back-root");
    }

    @Test
    void whatNobodyHoldsIsExportedByForceAsWithoutIt() throws Exception {
        create("plain");
        String out = type("volume export plain --force --node node2");
        assertTrue(!out.contains("stopped"), out);
        assertTrue(out.contains("exported at nbd://"), out);
        unexport("plain");
        assertTrue(
                refused("volume export plain --force --read-only").contains("leave --force out"));
    }
}
