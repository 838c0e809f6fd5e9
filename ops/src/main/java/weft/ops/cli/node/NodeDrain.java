package weft.ops.cli.node;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.PoolStore;
import weft.ops.admin.NodeAdmin;
import weft.ops.admin.PoolHealth;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricSession;
import weft.ops.cli.ProgressBar;

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
public final class NodeDrain extends StoreCommand {
    private static final long LOOK_MILLIS = 500;

    @Option(names = "--no-wait", description = "Begin, and do not wait for the end.")
    private boolean noWait;

    @Override
    void run(FabricSession session, NodeAdmin admin, List<PoolStore> stores)
            throws IOException, InterruptedException {
        List<PoolStore> draining = admin.drain(session.image(), stores);
        if (noWait) {
            print(draining, "%s is being drained. Next: weft node list".formatted(subject(stores)));
            return;
        }
        await(session, admin, draining);
        print(
                admin.named(node()),
                "%s has no copies any more. Next: weft node remove %s"
                        .formatted(subject(stores), node()));
    }

    private void await(FabricSession session, NodeAdmin admin, List<PoolStore> draining)
            throws IOException, InterruptedException {
        long all = left(session, draining);
        long left = all;
        try (ProgressBar bar = output().counting("draining " + node(), "placement groups", all)) {
            while (left > 0) {
                Thread.sleep(LOOK_MILLIS);
                left = left(session, draining);
                all = Math.max(all, left);
                bar.update(all - left, all);
                boolean calledOff =
                        admin.named(node()).stream()
                                .anyMatch(store -> store.state() == PoolStore.State.IN);
                if (calledOff) {
                    throw CliFailure.failed(
                            "the drain of %s was called off with %d placement groups left"
                                    .formatted(subject(draining), left));
                }
            }
        }
    }

    private static long left(FabricSession session, List<PoolStore> stores) throws IOException {
        var groups = PoolHealth.groups(session.records());
        return stores.stream().mapToLong(store -> NodeAdmin.groupsOf(groups, store.store())).sum();
    }
}
