package weft.ops.cli.node;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.PoolStore;
import weft.ops.admin.NodeAdmin;
import weft.ops.cli.FabricSession;

import java.io.IOException;
import java.util.List;

/// `weft node remove`.
@Command(
        name = "remove",
        description = "Let a storage node, or one of its stores, go that was drained or has died.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "It is refused while the node has copies. If the node starts again it gets none,",
            "until it is taken back: weft node add.",
            "",
            "Example:",
            "  weft node drain node4 && weft node remove node4",
            "  weft node remove 5fb20298 --lost"
        })
public final class NodeRemove extends StoreCommand {
    @Option(
            names = "--lost",
            description = {
                "Its disks are lost for good: do not wait for it to come back, and let new stores",
                "begin in their folders."
            })
    private boolean lost;

    @Override
    void run(FabricSession session, NodeAdmin admin, List<PoolStore> stores) throws IOException {
        if (lost) {
            print(
                    admin.removeLost(session.image(), stores),
                    "%s is given up: its copies are made elsewhere. Next: weft node list"
                            .formatted(subject(stores)));
            return;
        }
        print(
                admin.remove(session.image(), stores),
                "%s is removed: it may be switched off".formatted(subject(stores)));
    }
}
