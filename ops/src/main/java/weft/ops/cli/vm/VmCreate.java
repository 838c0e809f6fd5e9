package weft.ops.cli.vm;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import weft.fabric.MacAddress;
import weft.fabric.NodeId;
import weft.fabric.VmSpec;
import weft.ops.admin.VmAdmin;
import weft.ops.admin.VmRequest;
import weft.ops.cli.ByteSize;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricSession;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

@Command(
        name = "create",
        description = "Create a VM and start it.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Example:",
            "  weft vm create web1 --image debian-micro --memory 256M --disk 1G --network blue"
        })
final class VmCreate extends OneVmCommand {
    @Mixin private VmWaiting waiting = new VmWaiting();

    @Option(
            names = "--image",
            paramLabel = "IMAGE",
            defaultValue = "debian-micro",
            description = "What it boots (default: ${DEFAULT-VALUE}).")
    private String image = "";

    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            defaultValue = "256M",
            converter = ByteSize.Converter.class,
            description = "Its RAM (default: ${DEFAULT-VALUE}).")
    private ByteSize memory = new ByteSize(ByteSize.GRANULARITY_BYTES);

    @Option(
            names = "--cpus",
            paramLabel = "N",
            defaultValue = "1",
            description = "Its CPUs, 1 to 16 (default: ${DEFAULT-VALUE}).")
    private int cpus = 1;

    @Option(
            names = "--disk",
            paramLabel = "SIZE",
            defaultValue = "1G",
            converter = ByteSize.Converter.class,
            description = "The size of its disk (default: ${DEFAULT-VALUE}).")
    private ByteSize disk = new ByteSize(ByteSize.GRANULARITY_BYTES);

    @Option(
            names = "--network",
            paramLabel = "NETWORK",
            description = "Plug a NIC into this network; may be given several times.")
    private List<String> networks = new ArrayList<>();

    @Option(
            names = "--mac",
            paramLabel = "MAC",
            description = "MAC address of the NIC; for several, in the order of --network.")
    private List<String> macs = new ArrayList<>();

    @Option(
            names = "--ip",
            paramLabel = "ADDRESS",
            description = "IPv4 address of the NIC; for several, in the order of --network.")
    private List<String> addresses = new ArrayList<>();

    @Option(
            names = "--group",
            paramLabel = "GROUP",
            description = {
                "Security group of its NICs in the group's network; may be given several times.",
                "Without, a NIC sends to all, and takes connections from NICs without group."
            })
    private List<String> groups = new ArrayList<>();

    @Option(names = "--host", paramLabel = "HOST", description = "Where to run it.")
    private @Nullable String host;

    @Option(names = "--stopped", description = "Create it, but do not start it.")
    private boolean stopped;

    @Override
    protected void checkOptions() {
        if (macs.size() > networks.size() || addresses.size() > networks.size()) {
            throw CliFailure.usage("--mac and --ip need a --network each");
        }
    }

    @Override
    protected void run(FabricSession session) throws IOException, InterruptedException {
        var nics = new ArrayList<VmRequest.Nic>();
        for (int i = 0; i < networks.size(); i++) {
            nics.add(
                    new VmRequest.Nic(
                            networks.get(i),
                            i < macs.size()
                                    ? Optional.of(MacAddress.parse(macs.get(i)))
                                    : Optional.empty(),
                            i < addresses.size()
                                    ? Optional.of(addresses.get(i))
                                    : Optional.empty()));
        }
        VmSpec spec =
                new VmAdmin(session.records())
                        .create(
                                session.image(),
                                new VmRequest(
                                        name(),
                                        image,
                                        memory.bytes(),
                                        cpus,
                                        disk.bytes(),
                                        nics,
                                        Optional.ofNullable(host).map(NodeId::new),
                                        stopped ? VmSpec.Power.STOPPED : VmSpec.Power.RUNNING,
                                        groups));
        if (stopped) {
            output().result(
                            spec,
                            "VM %s created. Next: weft vm start %s".formatted(name(), name()));
            return;
        }
        waiting.forRunning(session, output(), name(), "created and ");
    }
}
