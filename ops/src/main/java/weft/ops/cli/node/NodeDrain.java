package weft.ops.cli.node;

import picocli.CommandLine.Command;

import weft.fabric.PoolStore;
import weft.ops.admin.NodeAdmin;
import weft.ops.admin.PoolHealth;
import weft.ops.cli.FabricSession;

import java.io.IOException;
import java.util.List;

/// `weft node drain`.
@Command(
        name = "drain",
        description =
                "Have all copies of a storage node, or one of its stores, made elsewhere, and"
                        + " wait.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Volumes are used meanwhile, and no group has fewer copies for it. Ending the command",
            "does not end the work; weft node add calls it off.",
            "",
            "Examples:",
            "  weft node drain node4",
            "  weft node drain 5fb20298",
            "  weft node drain node4 --no-wait"
        })
public final class NodeDrain extends MovingCommand {
    @Override
    void run(FabricSession session, NodeAdmin admin, List<PoolStore> stores)
            throws IOException, InterruptedException {
        List<PoolStore> draining = admin.drain(session.image(), stores);
        if (isBegunOnly()) {
            print(draining, "%s is being drained. Next: weft node list".formatted(subject(stores)));
            return;
        }
        await(admin, draining, "draining", "placement groups", () -> left(session, draining));
        print(
                admin.named(node()),
                "%s has no copies any more. Next: weft node remove %s"
                        .formatted(subject(stores), node()));
    }

    private static long left(FabricSession session, List<PoolStore> stores) throws IOException {
        var groups = PoolHealth.groups(session.records());
        return stores.stream().mapToLong(store -> NodeAdmin.groupsOf(groups, store.store())).sum();
    }
}
