package weft.ops.cli.pool;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords.Found;
import weft.fabric.PoolSettings;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output.Column;
import weft.ops.cli.pool.PoolSetting.Row;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/// `weft pool get`.
@Command(
        name = "get",
        description = "Show how the pool is looked after: what can be set, and what is.",
        mixinStandardHelpOptions = true,
        footer = {"", "Examples:", "  weft pool get", "  weft pool get scrub-rate"})
final class PoolGet extends FabricCommand {
    @Parameters(index = "0", arity = "0..1", paramLabel = "SETTING", description = "Only that one.")
    private String name = "";

    @Override
    protected void checkOptions() {
        var _ = settings();
    }

    private List<PoolSetting> settings() {
        return name.isEmpty()
                ? Arrays.asList(PoolSetting.values())
                : List.of(PoolSetting.named(name));
    }

    @Override
    protected void run(FabricSession session) throws IOException {
        PoolSettings now = of(session);
        output().list(
                        settings().stream().map(setting -> setting.row(now)).toList(),
                        List.of(
                                Column.of("SETTING", Row::setting),
                                Column.of("VALUE", row -> row.value() == null ? "-" : row.value()),
                                Column.of("SOURCE", Row::source),
                                Column.of("MEANING", Row::meaning)));
    }

    /// As they are now; the session's picture may be a moment old.
    static PoolSettings of(FabricSession session) throws IOException {
        return session.records()
                .find(FabricPaths.SETTINGS, PoolSettings.class)
                .map(Found::noun)
                .orElse(PoolSettings.NONE);
    }
}
