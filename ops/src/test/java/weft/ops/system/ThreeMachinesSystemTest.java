package weft.ops.system;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.ops.cli.JavaProcess;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// The demo's story on three machines (network namespaces) with a ZooKeeper of their own on a
/// fourth; the third machine is cut off in the middle of writes.
class ThreeMachinesSystemTest {
    private static final int ZOOKEEPER_MACHINE = 4;
    private static final String ZOOKEEPER = NamespaceLab.address(ZOOKEEPER_MACHINE) + ":2181";

    @TempDir Path folder;

    @Test
    @Timeout(value = 15, unit = TimeUnit.MINUTES)
    void theStoryIsTrueOnThreeMachinesOfWhichOneIsCutOff() throws Exception {
        var _ = PulledImage.debianMicro();
        try (var lab = NamespaceLab.of(ZOOKEEPER_MACHINE)) {
            startZooKeeper(lab);
            startNode(lab, 1, "control", "control1", List.of("--metrics-port", "9402"), 7402);
            for (int machine = 1; machine <= 3; machine++) {
                String data = folder.resolve("node" + machine).toString();
                startNode(lab, machine, "storage", "node" + machine, List.of("--data", data), 7400);
            }
            for (int machine = 1; machine <= 2; machine++) {
                startNode(
                        lab,
                        machine,
                        "host",
                        "host" + machine,
                        List.of("--memory", "2G", "--metrics-port", "9401"),
                        7401);
            }
            tellTheStory(lab);
        }
    }

    private void startZooKeeper(NamespaceLab lab) throws IOException {
        Path settings = folder.resolve("zoo.cfg");
        Files.writeString(
                settings,
                """
                dataDir=%s
                clientPort=2181
                tickTime=1000
                admin.enableServer=false
                maxClientCnxns=0
                """
                        .formatted(folder.resolve("zookeeper")));
        var command =
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx256m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        "org.apache.zookeeper.server.ZooKeeperServerMain",
                        settings.toString());
        lab.start(ZOOKEEPER_MACHINE, folder.resolve("zookeeper.out"), command);
    }

    private void startNode(
            NamespaceLab lab, int machine, String role, String name, List<String> more, int port)
            throws IOException {
        var arguments =
                new ArrayList<>(
                        List.of(
                                "node",
                                role,
                                "--name",
                                name,
                                "--zookeeper",
                                ZOOKEEPER,
                                "--listen",
                                NamespaceLab.address(machine) + ":" + port));
        arguments.addAll(more);
        lab.start(
                machine,
                folder.resolve(name + ".out"),
                JavaProcess.command(folder.resolve(name + ".log"), List.of("-Xmx1g"), arguments));
    }

    private void tellTheStory(NamespaceLab lab) throws Exception {
        var command =
                new ArrayList<>(
                        List.of(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-ea",
                                "--enable-native-access=ALL-UNNAMED",
                                "--sun-misc-unsafe-memory-access=allow",
                                "-cp",
                                System.getProperty("java.class.path"),
                                ThreeMachinesStory.class.getName(),
                                ZOOKEEPER,
                                PulledImage.STATE_FOLDER.toString()));
        command.add(String.join(" ", lab.cable(3, "down")));
        command.add(String.join(" ", lab.cable(3, "up")));
        Path told = folder.resolve("story.txt");
        Process story = lab.start(1, told, command);
        assertTrue(story.waitFor(14, TimeUnit.MINUTES), () -> "the story hangs: " + read(told));
        System.out.println(read(told));
        assertEquals(0, story.exitValue(), () -> read(told) + lastWords());
    }

    private String lastWords() {
        var words = new StringBuilder();
        for (String name : List.of("control1", "node1", "node2", "node3", "host1", "host2")) {
            String log = read(folder.resolve(name + ".log"));
            words.append("%n== %s%n".formatted(name))
                    .append(log.substring(Math.max(0, log.length() - 1500)));
        }
        return words.toString();
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return "(" + e + ")";
        }
    }
}
