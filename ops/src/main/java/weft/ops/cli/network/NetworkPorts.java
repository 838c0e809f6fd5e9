package weft.ops.cli.network;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.PortBinding;
import weft.ops.admin.NetworkAdmin;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;
import weft.wire.network.SwitchMessage;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

@Command(
        name = "ports",
        description = {
            "List ports: where they are plugged in, and what passed them.",
            "IN is what VMs sent, OUT what they received, since the port was plugged in."
        },
        mixinStandardHelpOptions = true,
        footer = {"", "Examples:", "  weft network ports", "  weft network ports blue --json"})
final class NetworkPorts extends FabricCommand {
    @Parameters(
            arity = "0..1",
            paramLabel = "NAME",
            description = "Only of this network (default: all).")
    private @Nullable String name;

    /// A port as lists print it.
    ///
    /// @param state `open`, `standby`, `stale`, `no_network`; `down` if no host has it, `unknown`
    ///   if its host did not answer
    record Row(
            String port,
            String network,
            String host,
            String state,
            String ipv4,
            String mac,
            long framesIn,
            long bytesIn,
            long framesOut,
            long bytesOut,
            long drops) {}

    @Override
    protected void run(FabricSession session) throws IOException, InterruptedException {
        FabricImage image = session.image();
        if (name != null) {
            var _ = NetworkAdmin.find(image, name);
        }
        Map<NodeId, List<SwitchMessage.Port>> plugged;
        try (var client = new SwitchClient(session::image, this::complain)) {
            plugged = client.ports();
        }
        output().list(
                        rows(image, plugged),
                        List.of(
                                Column.of("PORT", Row::port),
                                Column.of("NETWORK", Row::network),
                                Column.of("HOST", Row::host),
                                Column.of("STATE", Row::state),
                                Column.of("ADDRESS", Row::ipv4),
                                Column.of("MAC", Row::mac),
                                Column.of("IN", Row::framesIn),
                                Column.of("OUT", Row::framesOut),
                                Column.of("DROPS", Row::drops)));
    }

    /// What is plugged in, and what is in the records only.
    private List<Row> rows(FabricImage image, Map<NodeId, List<SwitchMessage.Port>> plugged) {
        Map<String, PortBinding> absent = new TreeMap<>(image.ports());
        List<Row> rows = new ArrayList<>();
        plugged.forEach((host, ports) -> {
            for (SwitchMessage.Port port : ports) {
                PortBinding binding = absent.remove(port.id());
                rows.add(row(host, port, binding == null ? image.ports().get(port.id()) : binding));
            }
        });
        for (PortBinding binding : absent.values()) {
            NodeId host = binding.host();
            rows.add(absent(binding, host != null && !plugged.containsKey(host) ? host : null));
        }
        rows.removeIf(row -> name != null && !row.network().equals(name));
        rows.sort(Comparator.comparing(Row::network).thenComparing(Row::port));
        return rows;
    }

    private static Row row(NodeId host, SwitchMessage.Port port, @Nullable PortBinding binding) {
        long drops = port.drops().stream().mapToLong(SwitchMessage.Drops::frames).sum();
        return new Row(
                port.id(),
                port.network(),
                host.name(),
                port.state().name().toLowerCase(Locale.ROOT),
                binding == null ? "" : binding.ipv4(),
                port.mac().toString(),
                port.framesIn(),
                port.bytesIn(),
                port.framesOut(),
                port.bytesOut(),
                drops);
    }

    private static Row absent(PortBinding binding, @Nullable NodeId unanswered) {
        return new Row(
                binding.port(),
                binding.network(),
                unanswered == null ? "-" : unanswered.name(),
                unanswered == null ? "down" : "unknown",
                binding.ipv4(),
                binding.mac().toString(),
                0,
                0,
                0,
                0,
                0);
    }

    private void complain(String line) {
        output().err().println("weft: " + line);
        output().err().flush();
    }
}
