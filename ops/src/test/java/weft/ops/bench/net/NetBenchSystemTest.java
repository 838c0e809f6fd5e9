package weft.ops.bench.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.ops.bench.Host;
import weft.ops.bench.Report;
import weft.ops.bench.Row;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/// A short run of the benchmark: traffic passes on both sides, and nothing of it is left. Needs
/// root, iproute2, iperf3 and iputils-ping.
@Timeout(180)
class NetBenchSystemTest {
    @Test
    void trafficPassesOnBothSidesAndNothingIsLeft() throws Exception {
        for (String program : List.of("ip", "iperf3", "ping")) {
            Assumptions.assumeTrue(Host.isInstalled(program), program + " is missing");
        }
        List<String> loads = List.of("tcp1", "udp64", "ping", "vxlan-tcp1", "vxlan-ping");
        var settings = new NetBench.Settings(loads, Optional.of(NetBench.Peer.RAW), 1, 1);
        Report report = run(settings);
        assertEquals(
                List.of(
                        "tcp1",
                        "tcp1-cpu",
                        "udp64",
                        "udp64-sent",
                        "ping-p50",
                        "ping-p99",
                        "vxlan-tcp1",
                        "vxlan-ping-p50",
                        "vxlan-ping-p99"),
                report.rows().stream().map(Row::name).toList());
        for (Row row : report.rows()) {
            assertTrue(row.weft().median() > 0, row::line);
            assertTrue(row.peer().orElseThrow().figure().median() > 0, row::line);
        }
        String left = Lab.run(List.of("ip", "netns", "list"));
        assertFalse(left.contains("weft-net-" + ProcessHandle.current().pid()), left);
    }

    private static Report run(NetBench.Settings settings) throws InterruptedException {
        try {
            return new NetBench(settings, line -> {}).run();
        } catch (IOException e) {
            Assumptions.assumeFalse(
                    String.valueOf(e.getMessage()).startsWith("no network namespaces"),
                    e::toString);
            throw new AssertionError(e);
        }
    }
}
