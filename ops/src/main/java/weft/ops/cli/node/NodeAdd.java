package weft.ops.cli.node;

import picocli.CommandLine.Command;

import weft.fabric.PoolStore;
import weft.ops.admin.NodeAdmin;
import weft.ops.cli.FabricSession;

import java.io.IOException;
import java.util.List;

/// `weft node add`.
@Command(
        name = "add",
        aliases = "undrain",
        description =
                "Take a drained or removed storage node back, or call its drain off, and wait until"
                        + " it has its copies.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "A new node needs no command: it joins the pool when it is started (weft node"
                    + " storage).",
            "",
            "Example:",
            "  weft node add node4",
            "  weft node add node4 --no-wait"
        })
public final class NodeAdd extends MovingCommand {
    @Override
    void run(FabricSession session, NodeAdmin admin, List<PoolStore> stores)
            throws IOException, InterruptedException {
        List<PoolStore> added = admin.add(stores);
        awaitCopies(session, admin, added);
        boolean live = added.stream().anyMatch(s -> NodeAdmin.isLive(session.image(), s.store()));
        String outcome =
                live
                        ? isBegunOnly() ? "gets its copies" : "has its copies"
                        : "gets its copies when it is started";
        print(added, "%s %s. Next: weft node list".formatted(subject(stores), outcome));
    }
}
