package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.coordination.FabricPaths;
import weft.fabric.Attachment;
import weft.fabric.Configuration;
import weft.fabric.NodeId;
import weft.fabric.NodePresence.Role;
import weft.fabric.Placement;
import weft.fabric.PlacementGroupId;
import weft.fabric.PoolStore;
import weft.fabric.StoreId;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.ops.admin.CopiesDue;
import weft.ops.admin.NodeAdmin;
import weft.ops.admin.PoolHealth;
import weft.ops.admin.PoolHealth.GroupState;
import weft.ops.admin.VolumeAdmin;
import weft.ops.cli.fabric.LocalProcesses;
import weft.ops.cli.fabric.Up;
import weft.ops.node.FabricSize;
import weft.ops.node.HostOffer;
import weft.ops.node.LocalLayout;
import weft.ops.pool.PoolSession;
import weft.volume.PoolClient;
import weft.volume.RemoteVolume;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/// A volume is taken over by force while half of the pool hangs: four storage nodes, each a process
/// of its own, two of them stopped. Groups with copies at both have too few to raise a token, the
/// others have not.
@Timeout(300)
final class ForcedExportSystemTest {
    private static final int NODES = 4;
    private static final List<Integer> HANGING = List.of(3, 4);
    private static final int BLOCK = 4096;
    private static final int CHUNK = 4 << 20;
    private static final int CHUNKS = 32;
    private static final NodeId EXPORTER = new NodeId("node1");
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @TempDir Path folder;
    private LocalLayout layout;
    private @Nullable FabricSession opened;
    private final Map<Integer, Process> nodes = new HashMap<>();

    @BeforeEach
    void start() throws Exception {
        layout = LocalLayout.free(folder);
        var processes = new LocalProcesses(layout);
        processes.startSeparate(
                new FabricSize(0, 1, 0), HostOffer.NONE, List.of("--moves-per-node", "8"));
        for (int node = 1; node <= NODES; node++) {
            nodes.put(node, processes.startStorage(node, 1));
        }
        Up.Readiness.await(layout, NODES, 0, Duration.ofSeconds(120));
        opened = FabricSession.open(layout.zookeeper(), Duration.ofSeconds(10));
        // Groups that were placed before the last node came are moved to it.
        Await.until(
                "each node has its share",
                PATIENCE,
                () ->
                        CopiesDue.of(session().records(), session().image())
                                .equals(new CopiesDue(0, 0, 0)));
    }

    @AfterEach
    void stop() throws Exception {
        if (opened != null) {
            opened.close();
        }
        signal("CONT");
        var file = FabricFile.read(folder);
        if (file.isPresent()) {
            var _ = LocalProcesses.stop(file.get());
        }
    }

    private FabricSession session() {
        return Objects.requireNonNull(opened);
    }

    private void signal(String name) throws Exception {
        for (int node : HANGING) {
            Process hanging = nodes.get(node);
            if (hanging != null && hanging.isAlive()) {
                String pid = Long.toString(hanging.pid());
                Process kill = new ProcessBuilder("kill", "-" + name, pid).start();
                assertTrue(kill.waitFor(10, TimeUnit.SECONDS));
                assertEquals(0, kill.exitValue());
            }
        }
    }

    private String type(String line) {
        LoopbackFabric.Ended ended = LoopbackFabric.type(layout.zookeeper(), line);
        assertEquals(0, ended.exitCode(), line + ": " + ended.err());
        return ended.out();
    }

    private List<Configuration> groups() throws IOException {
        return PoolHealth.groups(session().records());
    }

    private Volume volume() {
        return VolumeAdmin.find(session().image(), "data");
    }

    private PoolClient.Claimed claimed() throws IOException {
        Attachment attachment =
                session()
                        .records()
                        .find(FabricPaths.attachment(volume().id()), Attachment.class)
                        .orElseThrow()
                        .noun();
        return new PoolClient.Claimed(volume(), attachment);
    }

    /// The chunks of groups that can, or cannot, write.
    private Set<Integer> chunks(boolean areDown) throws IOException {
        Set<PlacementGroupId> holding = new TreeSet<>();
        for (Configuration group : groups()) {
            if (GroupState.of(group) == GroupState.HOLDING) {
                holding.add(group.pg());
            }
        }
        int pgBits = session().image().cluster().orElseThrow().pgBits();
        var found = new TreeSet<Integer>();
        for (int chunk = 0; chunk < CHUNKS; chunk++) {
            var group = Placement.groupOf(volume().placementRoot(), chunk, pgBits);
            if (holding.contains(group) == areDown) {
                found.add(chunk);
            }
        }
        return found;
    }

    /// Every group goes on without the nodes that hang.
    private void awaitHalf() throws Exception {
        Set<StoreId> hanging = new TreeSet<>();
        for (PoolStore store : new NodeAdmin(session().records()).stores()) {
            if (HANGING.stream().anyMatch(n -> store.node().name().equals("node" + n))) {
                hanging.add(store.store());
            }
        }
        assertEquals(HANGING.size(), hanging.size());
        Await.until(
                "the groups go on without " + hanging,
                PATIENCE,
                () -> groups().stream().allMatch(g -> hanging.stream().noneMatch(g::hasStore)));
    }

    private static ByteBuffer filled(int value) {
        ByteBuffer bytes = ByteBuffer.allocate(BLOCK);
        while (bytes.hasRemaining()) {
            bytes.put((byte) value);
        }
        return bytes.flip();
    }

    private static void writeAll(RemoteVolume volume, int value) throws Exception {
        List<CompletableFuture<Void>> writes = new ArrayList<>();
        for (long chunk = 0; chunk < CHUNKS; chunk++) {
            writes.add(volume.write(chunk * CHUNK, filled(value)));
        }
        for (CompletableFuture<Void> write : writes) {
            write.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        }
    }

    /// Of the chunks, those that take a write by the token of a claim.
    private static Set<Integer> accepted(
            PoolClient pool, PoolClient.Claimed by, Set<Integer> chunks) throws Exception {
        var taken = new TreeSet<Integer>();
        for (int chunk : chunks) {
            // The first refusal ends what is open.
            try (RemoteVolume late = pool.open(by)) {
                if (!VolumeSystemTest.fails(
                        () ->
                                late.write((long) chunk * CHUNK, filled(9))
                                        .get(PATIENCE.toSeconds(), TimeUnit.SECONDS))) {
                    taken.add(chunk);
                }
            }
        }
        return taken;
    }

    @Test
    void groupsThatAreDownRefuseTheOldHolderFromTheNewOnesFirstRequestOn() throws Exception {
        type("volume create data --size " + CHUNKS * 4 + "M");
        Await.until("data", () -> session().image().volumes().containsKey("data"));
        try (var host = new HolderProcess(session(), layout.zookeeper(), "hung", ear -> ear);
                RemoteVolume disk = host.open("data")) {
            writeAll(disk, 1);
            PoolClient.Claimed old = claimed();
            signal("STOP");
            awaitHalf();
            Set<Integer> down = chunks(true);
            Set<Integer> up = chunks(false);
            assertFalse(down.isEmpty() || up.isEmpty(), type("pool map"));
            assertEquals(up, accepted(host.pool(), old, up));

            String out = type("volume export data --force --node node1");
            assertTrue(out.contains("exported at nbd://"), out);
            assertTrue(out.contains("placement groups that do not answer may still take"), out);
            assertEquals(Set.of(), accepted(host.pool(), old, up));
            assertEquals(old.attachment().token() + 1, claimed().attachment().token());

            signal("CONT");
            Await.until("all groups write", PATIENCE, () -> chunks(true).isEmpty());
            takeOver();
            assertEquals(Set.of(), accepted(host.pool(), old, down));
            assertEquals(Set.of(), accepted(host.pool(), old, up));
            assertTrue(VolumeSystemTest.fails(() -> disk.write(0, filled(9)).get()));
            requireAll(3);
        }
        // Now all answer, and it is said no more.
        type("volume unexport data");
        Await.until("it", () -> !session().image().exports().containsKey("data"));
        assertFalse(type("volume export data --force").contains("may still take"));
    }

    /// Writes a block of a chunk by NBD.
    private static Program.Ended write(String uri, int chunk) throws Exception {
        String write = "write -P 7 %dM 4k".formatted(chunk * (CHUNK >> 20));
        return Program.end("qemu-io", "-f", "raw", "-t", "none", "-c", write, uri);
    }

    @Test
    void anExportWithATimeoutFailsWhatGroupsThatAreDownDoNotAnswer() throws Exception {
        Program.assumeThere("qemu-io");
        type("volume create data --size " + CHUNKS * 4 + "M");
        Await.until("data", () -> session().image().volumes().containsKey("data"));
        String wrong = "volume export data --io-timeout ";
        for (String span : List.of("0s", "2d", "500ms")) {
            assertEquals(2, LoopbackFabric.type(layout.zookeeper(), wrong + span).exitCode(), span);
        }
        type("volume export data --node node1 --io-timeout 2s");
        String uri =
                session().image().presence(Role.STORAGE, EXPORTER).orElseThrow().nbdUri("data");
        assertTrue(type("volume show data").contains(uri + " (EIO after 2s)"));
        Await.until("it writes", PATIENCE, () -> write(uri, 0).output().contains("wrote 4096"));
        String other = LoopbackFabric.type(layout.zookeeper(), wrong + "9s --node node2").err();
        assertTrue(other.contains("with an I/O timeout of 2 s"), other);
        type("volume export data --node node2");
        assertTrue(type("volume show data").contains("(EIO after 2s)"));

        signal("STOP");
        awaitHalf();
        int down = chunks(true).iterator().next();
        int up = chunks(false).iterator().next();
        Program.Ended ended = write(uri, down);
        assertTrue(ended.output().contains("Input/output error"), ended.output());
        // At first it may ask a node that hangs for longer than its time.
        Await.until("others do", PATIENCE, () -> write(uri, up).output().contains("wrote 4096"));
        signal("CONT");
        // What became of that write is not known to its holder, and a cut is made all the same.
        try (var pool = new PoolSession(session().records().store(), session()::image);
                RemoteVolume open = pool.client().openReadOnly(volume())) {
            for (long chunk = 0; chunk < CHUNKS; chunk++) {
                ByteBuffer bytes = ByteBuffer.allocate(BLOCK);
                open.read(chunk * CHUNK, bytes).get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            }
        }
        type("volume snapshot data@after");
        int layers = volume().layers().size();
        assertTrue(layers <= 4, layers + " layers");
        Await.until("it writes", PATIENCE, () -> write(uri, down).output().contains("wrote 4096"));
    }

    /// The exporting node asks each group for something.
    private void takeOver() throws Exception {
        try (var pool = new PoolSession(session().records().store(), session()::image);
                RemoteVolume open = pool.client().openExported(volume(), EXPORTER)) {
            writeAll(open, 3);
        }
    }

    private void requireAll(int value) throws Exception {
        try (var pool = new PoolSession(session().records().store(), session()::image);
                RemoteVolume open = pool.client().openReadOnly(volume())) {
            for (long chunk = 0; chunk < CHUNKS; chunk++) {
                ByteBuffer bytes = ByteBuffer.allocate(BLOCK);
                open.read(chunk * CHUNK, bytes).get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
                assertEquals(filled(value), bytes.rewind(), "chunk " + chunk);
            }
        }
    }
}
