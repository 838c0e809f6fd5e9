package weft.ops.cli.node;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.Configuration;
import weft.fabric.FabricImage;
import weft.fabric.PoolStore;
import weft.ops.admin.DiskFailure;
import weft.ops.admin.NodeAdmin;
import weft.ops.admin.PoolHealth;
import weft.ops.cli.ByteSize;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;
import weft.ops.pool.PoolSession;
import weft.volume.PoolSpace;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/// `weft node list`.
@Command(
        name = "list",
        description =
                "List the stores of the storage nodes, what they are to carry, and what they"
                        + " carry.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "WEIGHT is a store's share relative to others, by default the size of its disk in TiB;",
            "DOMAIN is its zone, rack and host; DUE counts groups that it is to have and has not.",
            "",
            "Example:",
            "  weft node list"
        })
public final class NodeList extends FabricCommand {
    @Option(names = "--all", description = "Also stores that were removed and are gone.")
    private boolean all;

    @Override
    protected void run(FabricSession session) throws IOException {
        List<Configuration> groups = PoolHealth.groups(session.records());
        PoolSpace.Result space;
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            space = pool.client().space().ask();
        }
        List<NodeRow> rows = new ArrayList<>();
        FabricImage image = session.image();
        for (PoolStore store : new NodeAdmin(session.records()).stores()) {
            boolean gone =
                    store.state() == PoolStore.State.REMOVED
                            && !NodeAdmin.isLive(image, store.store())
                            && NodeAdmin.groupsOf(groups, store.store()) == 0;
            if (all || !gone) {
                rows.add(NodeRow.of(store, image, groups, space.stores()));
            }
        }
        output().list(
                        rows,
                        List.of(
                                Column.of("NODE", NodeRow::node),
                                Column.of("STORE", row -> row.store().substring(0, 8)),
                                Column.of("WEIGHT", NodeRow::weight),
                                Column.of("DOMAIN", NodeRow::domain),
                                Column.of("STATE", NodeRow::state),
                                Column.of("GROUPS", NodeRow::groups),
                                Column.of("PRIMARY OF", NodeRow::primaries),
                                Column.of("DUE", NodeRow::due),
                                Column.of("USED", row -> humane(row.usedBytes())),
                                Column.of("SIZE", row -> humane(row.sizeBytes())),
                                Column.of("FOLDER", NodeRow::folder)));
        DiskFailure.all(image).forEach(failure -> output().say(failure.sentence()));
    }

    private static String humane(@Nullable Long bytes) {
        return bytes == null ? "-" : ByteSize.humane(bytes);
    }
}
