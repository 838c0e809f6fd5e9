package weft.ops.cli.pool;

import picocli.CommandLine.Command;

import weft.fabric.Configuration;
import weft.fabric.PoolSettings;
import weft.fabric.StoreId;
import weft.ops.admin.CopiesDue;
import weft.ops.admin.DiskFailure;
import weft.ops.admin.PoolHealth;
import weft.ops.admin.SlowDisk;
import weft.ops.cli.ByteSize;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;
import weft.ops.pool.PoolSession;
import weft.volume.PoolSpace;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/// `weft pool status`.
@Command(
        name = "status",
        description = "Show how the pool is and what its stores carry.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft pool status"})
final class PoolStatus extends FabricCommand {
    /// A store.
    ///
    /// @param copies placement groups of which it has a copy in sync
    /// @param primaries of how many of them it orders the writes
    /// @param missing placement groups of which it is to have a copy and has none in sync
    record Row(
            String node,
            String store,
            long copies,
            long primaries,
            long missing,
            long usedBytes,
            long freeBytes) {
        static Row of(PoolSpace.StoreSpace space, List<Configuration> groups) {
            StoreId store = space.store();
            return new Row(
                    space.node().name(),
                    store.uuid().toString(),
                    groups.stream().filter(group -> group.hasStore(store)).count(),
                    groups.stream().filter(group -> group.primary().store().equals(store)).count(),
                    groups.stream()
                            .filter(group ->
                                    group.wanted().contains(store) && !group.hasStore(store))
                            .count(),
                    space.usedBytes(),
                    space.freeBytes());
        }
    }

    /// What `--json` prints.
    ///
    /// @param copies that are to be made
    /// @param silent nodes that do not answer
    /// @param failures disks that live nodes cannot serve
    /// @param slow disks that keep writers waiting
    /// @param settings what was set of them
    record Report(
            PoolHealth health,
            CopiesDue copies,
            List<Row> stores,
            List<String> silent,
            List<DiskFailure> failures,
            List<SlowDisk> slow,
            PoolSettings settings) {}

    @Override
    protected void run(FabricSession session) throws IOException {
        List<Configuration> groups = PoolHealth.groups(session.records());
        PoolSpace.Result space;
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            space = pool.client().space().ask();
        }
        var report =
                new Report(
                        PoolHealth.of(groups),
                        CopiesDue.of(session.records(), groups, session.image()),
                        space.stores().stream().map(store -> Row.of(store, groups)).toList(),
                        space.silent().stream().map(node -> node.name()).toList(),
                        DiskFailure.all(session.image()),
                        SlowDisk.all(session.image()),
                        PoolGet.of(session));
        if (output().isJson()) {
            output().result(report, "");
            return;
        }
        output().list(
                        report.stores(),
                        List.of(
                                Column.of("NODE", Row::node),
                                Column.of("STORE", row -> row.store().substring(0, 8)),
                                Column.of("COPIES", Row::copies),
                                Column.of("PRIMARY OF", Row::primaries),
                                Column.of("MISSING", Row::missing),
                                Column.of("USED", row -> ByteSize.humane(row.usedBytes())),
                                Column.of("FREE", row -> ByteSize.humane(row.freeBytes()))));
        output().say("");
        output().say(report.health().sentence());
        output().say(report.copies().sentence());
        if (!report.silent().isEmpty()) {
            output().say("no answer from " + String.join(", ", report.silent()));
        }
        sayWhatIsSet(report.settings());
        report.failures().forEach(failure -> output().say(failure.sentence()));
        report.slow().forEach(slow -> output().say(slow.sentence()));
    }

    private void sayWhatIsSet(PoolSettings settings) {
        String set =
                Arrays.stream(PoolSetting.values())
                        .filter(setting -> setting.isSet(settings))
                        .map(each -> each.typed() + " " + each.valueIn(settings).orElse("-"))
                        .collect(Collectors.joining(", "));
        if (!set.isEmpty()) {
            output().say("set: " + set);
        }
    }
}
