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
        description = "Take a drained or removed storage node back, or call its drain off.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "A new node needs no command: it joins the pool when it is started (weft node"
                    + " storage).",
            "",
            "Example:",
            "  weft node add node4"
        })
public final class NodeAdd extends StoreCommand {
    @Override
    void run(FabricSession session, NodeAdmin admin, List<PoolStore> stores) throws IOException {
        print(
                admin.add(stores),
                "%s has and gets copies. Next: weft node list".formatted(subject(stores)));
    }
}
