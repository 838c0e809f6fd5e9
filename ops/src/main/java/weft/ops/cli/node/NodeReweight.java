package weft.ops.cli.node;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import weft.fabric.PoolStore;
import weft.ops.admin.NodeAdmin;
import weft.ops.cli.FabricSession;

import java.io.IOException;
import java.util.List;

/// `weft node reweight`.
@Command(
        name = "reweight",
        description =
                "Say how much each store of a node, or one, is to carry, relative to others, and"
                        + " wait until it does.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "By default a store weighs as much as its disk has TiB. Half the weight is half the",
            "copies; a change of less than 5 % moves nothing.",
            "",
            "Example:",
            "  weft node reweight node4 0.5",
            "  weft node reweight node4 0.5 --no-wait"
        })
public final class NodeReweight extends MovingCommand {
    @Parameters(index = "1", paramLabel = "WEIGHT", description = "A number above 0.")
    private double weight;

    @Override
    void run(FabricSession session, NodeAdmin admin, List<PoolStore> stores)
            throws IOException, InterruptedException {
        List<PoolStore> changed = admin.reweight(stores, weight);
        awaitCopies(session, admin, changed);
        print(
                changed,
                stores.size() == 1
                        ? "%s weighs %s. Next: weft node list".formatted(subject(stores), weight)
                        : "each of %d stores of %s weighs %s. Next: weft node list"
                                .formatted(stores.size(), subject(stores), weight));
    }
}
