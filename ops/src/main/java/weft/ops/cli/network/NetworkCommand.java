package weft.ops.cli.network;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.FabricImage;
import weft.fabric.Network;
import weft.fabric.PortBinding;
import weft.ops.admin.NetworkAdmin;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;

import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/// `weft network …`.
@Command(
        name = "network",
        aliases = "net",
        description = "Create, list, watch and delete isolated virtual networks.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            NetworkCommand.Create.class,
            NetworkCommand.ListAll.class,
            NetworkCommand.Delete.class,
            NetworkPorts.class,
            NetworkDrops.class,
            NetworkConnections.class,
            NetworkCapture.class
        },
        footer = {"", "Example:", "  weft network create blue --vlan 10"})
public final class NetworkCommand {
    /// A network as lists print it.
    record Row(String name, int vlan, int vni, String subnet, List<String> ports) {
        static Row of(FabricImage image, Network network) {
            return new Row(
                    network.name(),
                    network.vlan(),
                    network.vni(),
                    network.subnet(),
                    image.ports().values().stream()
                            .filter(port -> port.network().equals(network.name()))
                            .map(PortBinding::port)
                            .sorted()
                            .toList());
        }
    }

    @Command(
            name = "create",
            description = "Create a network: its VMs see each other on all hosts, and nobody else.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft network create blue --vlan 10"})
    static final class Create extends OneNetworkCommand {
        @Option(
                names = "--vlan",
                required = true,
                paramLabel = "ID",
                description = "Its VLAN id at the edges, 1 to 4094.")
        private int vlan;

        @Option(
                names = "--subnet",
                paramLabel = "CIDR",
                description = "Where NICs get addresses from (default: 10.0.0.0/24).")
        private @Nullable String subnet;

        @Override
        protected void run(FabricSession session) throws IOException {
            Network network =
                    new NetworkAdmin(session.records())
                            .create(session.image(), name(), vlan, Optional.ofNullable(subnet));
            output().result(
                            network,
                            "network %s created: VLAN %d, VNI %d, %s. Next: weft vm create web1 --network %s"
                                    .formatted(
                                            name(),
                                            network.vlan(),
                                            network.vni(),
                                            network.subnet(),
                                            name()));
        }
    }

    @Command(
            name = "list",
            description = "List all networks and what is plugged in.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft network list"})
    static final class ListAll extends FabricCommand {
        @Override
        protected void run(FabricSession session) throws IOException {
            FabricImage image = session.image();
            List<Row> rows =
                    image.networks().values().stream()
                            .sorted(Comparator.comparing(Network::name))
                            .map(network -> Row.of(image, network))
                            .toList();
            output().list(
                            rows,
                            List.of(
                                    Column.of("NAME", Row::name),
                                    Column.of("VLAN", Row::vlan),
                                    Column.of("VNI", Row::vni),
                                    Column.of("SUBNET", Row::subnet),
                                    Column.of("PORTS", row -> String.join(" ", row.ports()))));
        }
    }

    @Command(
            name = "delete",
            description = "Delete a network that no NIC is plugged into.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft network delete blue"})
    static final class Delete extends OneNetworkCommand {
        @Override
        protected void run(FabricSession session) throws IOException {
            new NetworkAdmin(session.records()).delete(session.image(), name());
            output().deleted(name(), "network " + name() + " deleted");
        }
    }
}
