package weft.coordination;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.apache.curator.test.TestingServer;
import org.junit.jupiter.api.Test;

import weft.coordination.FabricStore.Change;
import weft.coordination.zookeeper.ZooKeeperFabricStore;
import weft.fixtures.Await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/// What [CountingTree] counts is what a real server is asked.
class CountingTreeTest {
    private static final int RECORDS = 50;

    /// Requests of one step each, at a real server; pings come on top now and then.
    private interface Step {
        void run() throws Exception;
    }

    @Test
    void itCountsAsARealServerDoes() throws Exception {
        try (var server = new TestingServer();
                var real =
                        ZooKeeperFabricStore.connect(
                                server.getConnectString(), Duration.ofSeconds(10))) {
            var counted = new CountingTree().session();
            for (int i = 0; i < RECORDS; i++) {
                for (FabricStore store : List.of(real, counted)) {
                    store.commit(List.of(new Change.Create("/weft/things/" + i, new byte[100])));
                }
            }
            List<String> seen = new CopyOnWriteArrayList<>();
            List<Step> atReal = steps(real, seen, true);
            List<Step> atCounted = steps(counted, new CopyOnWriteArrayList<>(), false);
            for (int i = 0; i < atReal.size(); i++) {
                long before = received(server);
                atReal.get(i).run();
                // The question itself is a request, too.
                long asked = received(server) - before - 1;
                var was = counted.traffic();
                atCounted.get(i).run();
                var traffic = counted.traffic().since(was);
                assertEquals(traffic.reads() + traffic.writes(), asked, 2, "step " + i);
            }
        }
    }

    private static List<Step> steps(FabricStore store, List<String> seen, boolean isLate) {
        List<Step> steps = new ArrayList<>();
        steps.add(() -> store.read("/weft/things/7"));
        steps.add(() -> store.glance("/weft/things/7"));
        steps.add(() -> store.children("/weft/things"));
        steps.add(() -> {
            var _ =
                    store.watch(
                            "/weft/things", entries -> entries.forEach(e -> seen.add(e.path())));
            Await.until("all are seen", () -> seen.size() >= RECORDS);
        });
        steps.add(() -> {
            for (int i = 0; i < 10; i++) {
                store.commit(List.of(new Change.Set("/weft/things/" + i, new byte[50], 0)));
            }
        });
        steps.add(() -> {
            for (int i = 0; i < 10; i++) {
                store.commit(List.of(new Change.Create("/weft/things/x" + i, new byte[50])));
            }
        });
        steps.add(() -> {
            for (int i = 0; i < 10; i++) {
                store.commit(List.of(new Change.Delete("/weft/things/x" + i, 0)));
            }
        });
        if (isLate) {
            return steps.stream()
                    .<Step>map(step ->
                            () -> {
                                step.run();
                                // What a watch tells leads to more requests; all are done when
                                // another that follows them is answered.
                                for (int i = 0; i < 5; i++) {
                                    long quiet = System.nanoTime() + 100_000_000L;
                                    Await.until("it is quiet", () -> System.nanoTime() > quiet);
                                }
                            })
                    .toList();
        }
        return steps;
    }

    /// `srvr`: among others "Received: 123", packets of all connections.
    private static long received(TestingServer server) throws IOException {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), server.getPort())) {
            socket.getOutputStream().write("srvr".getBytes(StandardCharsets.US_ASCII));
            String answer =
                    new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
            return answer.lines()
                    .filter(line -> line.startsWith("Received: "))
                    .mapToLong(line -> Long.parseLong(line.substring("Received: ".length())))
                    .findAny()
                    .orElseThrow();
        }
    }
}
