package weft.ops.cli.node;

import picocli.CommandLine.Command;

import weft.fabric.PoolStore;
import weft.ops.admin.NodeAdmin;
import weft.ops.cli.FabricSession;

import java.io.IOException;
import java.util.List;

/// `weft node remove`.
@Command(
        name = "remove",
        description = "Let a storage node go that was drained, or that died and was replaced.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "It is refused while the node has copies. If the node starts again it gets none,",
            "until it is taken back: weft node add.",
            "",
            "Example:",
            "  weft node drain node4 && weft node remove node4"
        })
public final class NodeRemove extends StoreCommand {
    @Override
    void run(FabricSession session, NodeAdmin admin, List<PoolStore> stores) throws IOException {
        print(
                admin.remove(session.image(), stores),
                "node %s is removed: it may be switched off".formatted(node()));
    }
}
