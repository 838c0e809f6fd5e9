package weft.ops.cli.node;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.PoolStore;
import weft.ops.admin.NodeAdmin;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricSession;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/// `weft node domain`.
@Command(
        name = "domain",
        description =
                "Say where a storage node stands: what fails together; and wait until copies stand"
                        + " apart.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Copies of a group stand in different zones, racks and hosts as far as there are"
                    + " enough.",
            "",
            "Example:",
            "  weft node domain node4 --zone east --rack r12",
            "  weft node domain node4 --rack r12 --no-wait"
        })
public final class NodeDomain extends MovingCommand {
    @Option(names = "--zone", paramLabel = "ZONE", description = "A room, a building.")
    private @Nullable String zone;

    @Option(names = "--rack", paramLabel = "RACK", description = "A rack of that zone.")
    private @Nullable String rack;

    @Option(names = "--host", paramLabel = "HOST", description = "A machine of that rack.")
    private @Nullable String host;

    @Override
    protected void checkOptions() {
        if (zone == null && rack == null && host == null) {
            throw CliFailure.usage("say what has changed: --zone, --rack or --host");
        }
    }

    @Override
    void run(FabricSession session, NodeAdmin admin, List<PoolStore> stores)
            throws IOException, InterruptedException {
        List<PoolStore> moved =
                admin.stand(
                        stores,
                        Optional.ofNullable(zone),
                        Optional.ofNullable(rack),
                        Optional.ofNullable(host));
        awaitCopies(session, admin, moved);
        print(
                moved,
                "node %s stands at %s. Next: weft node list"
                        .formatted(node(), moved.getFirst().domain()));
    }
}
