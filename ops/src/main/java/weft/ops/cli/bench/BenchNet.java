package weft.ops.cli.bench;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import weft.ops.bench.Report;
import weft.ops.bench.net.NetBench;
import weft.ops.cli.CliFailure;
import weft.ops.cli.ExitCode;
import weft.ops.cli.Output;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;

/// Measures the switch: `weft bench net`.
@Command(
        name = "net",
        description = "Measure the switch between TAP interfaces and over VXLAN.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Two network namespaces, each with an interface, are joined by the switch in a",
            "process of its own, with port security on; all is removed at the end. Needs",
            "root, iproute2, iperf3 and iputils-ping.",
            "",
            "Loads: tcp1 and tcp4, iperf3 with one stream and with four; '-cpu', what the",
            "forwarding process took; udp64, datagrams of 64 bytes that arrive of more than",
            "anybody can forward ('-sent'); udp64-lossless, as many as arrive but for one in",
            "a thousand; ping. 'vxlan-': to an interface behind the Linux kernel's VXLAN.",
            "",
            "Peers:",
            "  raw     a forwarder that looks at nothing: what TAP interfaces allow",
            "  bridge  the Linux kernel's bridge",
            "Over VXLAN both are the Linux kernel's own at both ends.",
            "",
            "Example:",
            "  weft bench net --peer raw",
            "  weft bench net --loads tcp1,ping --repeat 5"
        })
public final class BenchNet implements Callable<Integer> {
    private static final int REPEAT_MAX = 100;
    private static final int SECONDS_MAX = 600;

    @Option(
            names = "--peer",
            paramLabel = "PEER",
            description = "Run a peer in turns with Weft: ${COMPLETION-CANDIDATES}.")
    private NetBench.@Nullable Peer peer;

    @Option(
            names = "--loads",
            paramLabel = "NAME",
            split = ",",
            description = "Only these loads (default: all).")
    private List<String> names = List.of();

    @Option(
            names = "--repeat",
            paramLabel = "N",
            defaultValue = "3",
            description = "Runs of each load and side (default: ${DEFAULT-VALUE}).")
    private int repeat = 3;

    @Option(
            names = "--seconds",
            paramLabel = "N",
            defaultValue = "5",
            description = "How long a run is (default: ${DEFAULT-VALUE}).")
    private int seconds = 5;

    @Mixin private Output output = new Output();

    @Override
    public Integer call() throws IOException, InterruptedException {
        BenchCpu.checkRange("--repeat", repeat, 1, REPEAT_MAX);
        BenchCpu.checkRange("--seconds", seconds, 1, SECONDS_MAX);
        List<String> known = NetBench.loadNames();
        for (String name : names) {
            if (!known.contains(name)) {
                throw CliFailure.usage(
                        "no load '%s'; there are: %s".formatted(name, String.join(", ", known)));
            }
        }
        var settings = new NetBench.Settings(names, Optional.ofNullable(peer), repeat, seconds);
        Report report = new NetBench(settings, output.err()::println).run();
        if (output.isJson()) {
            output.result(report.json(), "");
        } else {
            ReportTable.print(report, output);
        }
        return ExitCode.OK.value();
    }
}
