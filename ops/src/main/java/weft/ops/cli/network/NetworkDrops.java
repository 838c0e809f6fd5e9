package weft.ops.cli.network;

import picocli.CommandLine.Command;

import weft.fabric.NodeId;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;
import weft.wire.network.SwitchMessage;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

@Command(
        name = "drops",
        description = {
            "Show which frames the hosts' switches dropped, and why, most first.",
            "Counted since a switch started or a port was plugged in. PORT is '-' for what came"
                    + " from other hosts. Reasons: docs/operations/network.md"
        },
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft network drops"})
final class NetworkDrops extends FabricCommand {
    /// Drops of one reason at one place.
    record Row(String host, String port, String network, String reason, long frames) {}

    @Override
    protected void run(FabricSession session) throws IOException, InterruptedException {
        List<Row> rows = new ArrayList<>();
        try (var client = new SwitchClient(session::image, this::complain)) {
            client.ports()
                    .forEach((host, ports) -> {
                        for (SwitchMessage.Port port : ports) {
                            add(rows, host, port.id(), port.network(), port.drops());
                        }
                    });
            Map<NodeId, SwitchMessage.Totals> totals = client.totals();
            totals.forEach((host, all) -> add(rows, host, "-", "-", all.tunnelDrops()));
        }
        rows.sort(
                Comparator.comparingLong(Row::frames)
                        .reversed()
                        .thenComparing(Row::host)
                        .thenComparing(Row::port)
                        .thenComparing(Row::reason));
        output().list(
                        rows,
                        List.of(
                                Column.of("FRAMES", Row::frames),
                                Column.of("REASON", Row::reason),
                                Column.of("HOST", Row::host),
                                Column.of("PORT", Row::port),
                                Column.of("NETWORK", Row::network)));
    }

    private static void add(
            List<Row> rows,
            NodeId host,
            String port,
            String network,
            List<SwitchMessage.Drops> drops) {
        for (SwitchMessage.Drops one : drops) {
            rows.add(new Row(host.name(), port, network, one.reason(), one.frames()));
        }
    }

    private void complain(String line) {
        output().err().println("weft: " + line);
        output().err().flush();
    }
}
