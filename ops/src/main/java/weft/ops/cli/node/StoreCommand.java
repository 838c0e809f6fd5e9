package weft.ops.cli.node;

import picocli.CommandLine.Parameters;

import weft.fabric.PoolStore;
import weft.ops.admin.NodeAdmin;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;

import java.io.IOException;
import java.util.List;

/// A command about the stores of one node, or about one of them.
abstract class StoreCommand extends FabricCommand {
    @Parameters(
            paramLabel = "NODE",
            description = "A storage node, or the first characters of a store's id.")
    private String node = "";

    @Override
    protected final void run(FabricSession session) throws IOException, InterruptedException {
        var admin = new NodeAdmin(session.records());
        run(session, admin, admin.named(node));
    }

    /// Does it.
    abstract void run(FabricSession session, NodeAdmin admin, List<PoolStore> stores)
            throws IOException, InterruptedException;

    /// The node as it was named.
    final String node() {
        return node;
    }

    /// For sentences: the node, or the store.
    final String subject(List<PoolStore> stores) {
        boolean isNode = stores.getFirst().node().name().equals(node);
        return (isNode ? "node " : "store ") + node;
    }

    /// Prints the stores as they are now; a sentence for people.
    final void print(List<PoolStore> stores, String sentence) {
        output().result(stores, sentence);
    }
}
