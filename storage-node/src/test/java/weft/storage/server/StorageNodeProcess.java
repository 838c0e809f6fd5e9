package weft.storage.server;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import weft.coordination.zookeeper.ZooKeeperFabricStore;
import weft.storage.StorageNode;
import weft.storage.store.StoreSettings;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/// A storage node as a process of its own, for tests that kill it. It ends with its parent: when
/// its standard input does.
final class StorageNodeProcess {
    private final Process process;

    private StorageNodeProcess(Process process) {
        this.process = process;
    }

    static StorageNodeProcess start(LocalCluster cluster, int number) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of(
                        "-ea",
                        "--enable-native-access=ALL-UNNAMED",
                        "--sun-misc-unsafe-memory-access=allow",
                        "-Xmx384m",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        StorageNodeProcess.class.getName(),
                        cluster.zooKeeper.connectString(),
                        cluster.clusterId.toString(),
                        Integer.toString(number),
                        cluster.folderOf(number).toString()));
        var builder = new ProcessBuilder(command);
        builder.redirectErrorStream(true);
        builder.redirectOutput(
                ProcessBuilder.Redirect.appendTo(
                        cluster.folderOf(number)
                                .resolveSibling("node" + number + ".log")
                                .toFile()));
        return new StorageNodeProcess(builder.start());
    }

    long pid() {
        return process.pid();
    }

    /// SIGKILL, by its own process id.
    void kill() throws InterruptedException {
        process.destroyForcibly();
        process.waitFor();
    }

    /// Sends a signal by its name.
    void signal(String name) throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-" + name, Long.toString(pid())).start().waitFor();
    }

    /// Runs a node until the standard input ends.
    public static void main(String[] args) throws IOException {
        var registry = new SimpleMeterRegistry();
        var settings =
                LocalCluster.settings(
                        UUID.fromString(args[1]),
                        Integer.parseInt(args[2]),
                        Path.of(args[3]),
                        StoreSettings.DEFAULT);
        try (var session = ZooKeeperFabricStore.connect(args[0], Duration.ofSeconds(20));
                var node = StorageNode.start(settings, session, registry)) {
            System.out.println(node.members() + " at " + node.address());
            while (System.in.read() >= 0) {
                Thread.onSpinWait();
            }
        }
    }
}
