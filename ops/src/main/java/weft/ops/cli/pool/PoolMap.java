package weft.ops.cli.pool;

import picocli.CommandLine.Command;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.ops.admin.PoolHealth;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;

import java.io.IOException;
import java.util.List;
import java.util.Locale;

/// `weft pool map`.
@Command(
        name = "map",
        description = "List the placement groups and who holds their copies.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "A group is whole when all wanted copies are in sync, degraded with fewer, and holding",
            "when it has too few to acknowledge writes.",
            "",
            "Example:",
            "  weft pool map --json"
        })
final class PoolMap extends FabricCommand {
    /// A placement group.
    ///
    /// @param members nodes whose copies are in sync
    /// @param wanted nodes that are to have one
    record Row(
            int group,
            long version,
            String state,
            String primary,
            List<String> members,
            List<String> wanted) {
        static Row of(Configuration group, Members names) {
            return new Row(
                    group.pg().value(),
                    group.version(),
                    PoolHealth.GroupState.of(group).name().toLowerCase(Locale.ROOT),
                    names.name(group.primary().store()),
                    names.names(group.members().stream().map(Member::store).toList()),
                    names.names(group.wanted()));
        }
    }

    @Override
    protected void run(FabricSession session) throws IOException {
        var names = new Members(session.image());
        List<Row> rows =
                PoolHealth.groups(session.records()).stream()
                        .map(group -> Row.of(group, names))
                        .toList();
        output().list(
                        rows,
                        List.of(
                                Column.of("GROUP", Row::group),
                                Column.of("VERSION", Row::version),
                                Column.of("STATE", Row::state),
                                Column.of("PRIMARY", Row::primary),
                                Column.of("IN SYNC", row -> String.join(", ", row.members())),
                                Column.of("WANTED", row -> String.join(", ", row.wanted()))));
    }
}
