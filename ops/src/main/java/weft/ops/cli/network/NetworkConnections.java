package weft.ops.cli.network;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import weft.fabric.FabricImage;
import weft.fabric.PortBinding;
import weft.fabric.VmSpec;
import weft.ops.admin.Refusal;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;
import weft.wire.network.SwitchMessage;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

@Command(
        name = "connections",
        description = {
            "List the connections that a VM's ports know of, as their security groups see them.",
            "OUT and IN are frames that the VM sent and received; IDLE is since the last one."
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples:",
            "  weft network connections web1",
            "  weft network connections web1-0 --limit 10000 --json"
        })
final class NetworkConnections extends FabricCommand {
    private static final int LIMIT_MAX = 1_000_000;

    @Parameters(paramLabel = "VM|PORT", description = "A VM, or one port of it.")
    private String name = "";

    @Option(
            names = "--limit",
            paramLabel = "N",
            defaultValue = "1000",
            description = "The most connections to list (default: ${DEFAULT-VALUE}).")
    private int limit = 1000;

    /// A connection as lists print it.
    ///
    /// @param direction `out` if the VM began it, else `in`
    record Row(
            String port,
            String protocol,
            String direction,
            String local,
            String remote,
            String state,
            double ageSeconds,
            double idleSeconds,
            long framesOut,
            long framesIn) {}

    @Override
    protected void checkOptions() {
        if (limit < 1 || limit > LIMIT_MAX) {
            throw CliFailure.usage("--limit %d is not in 1..%d".formatted(limit, LIMIT_MAX));
        }
    }

    @Override
    protected void run(FabricSession session) throws IOException, InterruptedException {
        List<Row> rows = new ArrayList<>();
        boolean isCut = false;
        try (var client = new SwitchClient(session::image, this::complain)) {
            for (PortBinding port : ports(session.image())) {
                int room = limit - rows.size();
                // One more than there is room for says that there are more.
                for (SwitchMessage.Connection one : client.connections(port, room + 1)) {
                    rows.add(row(port.port(), one));
                }
                isCut |= rows.size() > limit;
                rows = new ArrayList<>(rows.subList(0, Math.min(limit, rows.size())));
            }
        }
        output().list(
                        rows,
                        List.of(
                                Column.of("PORT", Row::port),
                                Column.of("PROTOCOL", Row::protocol),
                                Column.of("DIRECTION", Row::direction),
                                Column.of("LOCAL", Row::local),
                                Column.of("REMOTE", Row::remote),
                                Column.of("STATE", Row::state),
                                Column.of("AGE", row -> seconds(row.ageSeconds())),
                                Column.of("IDLE", row -> seconds(row.idleSeconds())),
                                Column.of("OUT", Row::framesOut),
                                Column.of("IN", Row::framesIn)));
        if (isCut) {
            complain("there are more than %d; see --limit".formatted(limit));
        }
    }

    private List<PortBinding> ports(FabricImage image) {
        VmSpec vm = image.vms().get(name);
        List<String> names = vm == null ? List.of(name) : vm.ports();
        List<PortBinding> ports =
                names.stream()
                        .map(port -> Optional.ofNullable(image.ports().get(port)))
                        .flatMap(Optional::stream)
                        .toList();
        if (vm == null && ports.isEmpty()) {
            throw Refusal.state("there is no VM or port '%s': weft network ports lists them", name);
        }
        return ports;
    }

    private static Row row(String port, SwitchMessage.Connection one) {
        return new Row(
                port,
                protocol(one.protocol()),
                one.isOutwards() ? "out" : "in",
                end(one.localAddress(), one.localPort()),
                end(one.remoteAddress(), one.remotePort()),
                one.state(),
                one.ageMillis() / 1000.0,
                one.idleMillis() / 1000.0,
                one.framesOut(),
                one.framesIn());
    }

    private static String protocol(int number) {
        return switch (number) {
            case 1 -> "icmp";
            case 6 -> "tcp";
            case 17 -> "udp";
            case 58 -> "icmpv6";
            default -> Integer.toString(number);
        };
    }

    private static String end(String address, int port) {
        return (address.contains(":") ? "[" + address + "]" : address) + ":" + port;
    }

    private static String seconds(double seconds) {
        return seconds < 10 ? "%.1fs".formatted(seconds) : "%.0fs".formatted(seconds);
    }

    private void complain(String line) {
        output().err().println("weft: " + line);
        output().err().flush();
    }
}
