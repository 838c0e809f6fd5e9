package weft.ops.cli;

import weft.fabric.FabricImage;
import weft.fixtures.Await;
import weft.ops.cli.fabric.Up;
import weft.ops.controller.ControlSettings;
import weft.ops.node.FabricSize;
import weft.ops.node.HostOffer;
import weft.ops.node.LocalFabric;
import weft.ops.node.LocalLayout;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// A whole fabric in the test's process, three storage nodes and two hosts of 256 MiB, and a person
/// who types commands at it.
final class LoopbackFabric implements AutoCloseable {
    static final int STORAGE_NODES = 3;
    static final int HOSTS = 2;
    private static final long HOST_MEMORY_BYTES = 256L << 20;

    private final LocalLayout layout;
    private final LocalFabric fabric;
    private final FabricSession session;

    private LoopbackFabric(LocalLayout layout, LocalFabric fabric, FabricSession session) {
        this.layout = layout;
        this.fabric = fabric;
        this.session = session;
    }

    static LoopbackFabric start(Path folder) throws Exception {
        return start(folder, ControlSettings.DEFAULT);
    }

    static LoopbackFabric start(Path folder, ControlSettings settings) throws Exception {
        return start(folder, settings, 1);
    }

    static LoopbackFabric start(Path folder, ControlSettings settings, int disksPerNode)
            throws Exception {
        LocalLayout layout = LocalLayout.free(folder);
        var fabric =
                LocalFabric.start(
                        layout,
                        new FabricSize(STORAGE_NODES, disksPerNode, HOSTS),
                        HostOffer.ofMemory(HOST_MEMORY_BYTES),
                        settings);
        try {
            FabricSession session = FabricSession.open(layout.zookeeper(), Duration.ofSeconds(10));
            Await.until(
                    "the fabric is complete",
                    Duration.ofSeconds(60),
                    () -> Up.Readiness.isComplete(session, STORAGE_NODES, HOSTS));
            return new LoopbackFabric(layout, fabric, session);
        } catch (Exception | AssertionError e) {
            fabric.close();
            throw e;
        }
    }

    LocalLayout layout() {
        return layout;
    }

    FabricSession session() {
        return session;
    }

    /// How a command line ended.
    record Ended(int exitCode, String out, String err) {}

    /// Types a command, its words separated by blanks; it is told which fabric is meant.
    Ended type(String line) {
        return type(layout.zookeeper(), line);
    }

    /// The same at the fabric of that ZooKeeper.
    static Ended type(String zookeeper, String line) {
        var words = new ArrayList<>(List.of(line.split(" ")));
        words.addAll(List.of("--zookeeper", zookeeper));
        var out = new StringWriter();
        var err = new StringWriter();
        var root = Weft.commandLine();
        root.setOut(new PrintWriter(out));
        root.setErr(new PrintWriter(err));
        int exitCode = root.execute(words.toArray(String[]::new));
        return new Ended(exitCode, out.toString(), err.toString());
    }

    /// What commands can change; not where things run at the moment.
    List<Object> wanted() {
        FabricImage image = session.image();
        Map<String, List<Object>> volumes = new TreeMap<>();
        // Layers are merged in the background.
        image.volumes()
                .forEach((name, volume) ->
                        volumes.put(
                                name, List.of(volume.id(), volume.sizeBytes(), volume.access())));
        return List.of(
                volumes,
                image.exports(),
                image.images(),
                image.networks(),
                image.ports(),
                image.vms(),
                image.migrations());
    }

    @Override
    public void close() {
        session.close();
        fabric.close();
    }
}
