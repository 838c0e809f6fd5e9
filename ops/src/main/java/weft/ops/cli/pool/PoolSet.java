package weft.ops.cli.pool;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.fabric.PoolSettings;
import weft.ops.cli.FabricCommand;
import weft.ops.cli.FabricSession;

import java.io.IOException;
import java.util.Optional;

/// `weft pool set`.
@Command(
        name = "set",
        description = "Say how the pool is looked after; nothing needs to be restarted.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "weft pool get lists the settings. A rate is a size (64M: bytes in a second), a",
            "time is 90s, 10m, 12h or 7d. What is set for control (replace-after, moves,",
            "moves-per-node) goes before its options. 'default' takes back what was set.",
            "",
            "Examples:",
            "  weft pool set scrub-rate 64M",
            "  weft pool set scrub-period 14d",
            "  weft pool set replace-after default"
        })
final class PoolSet extends FabricCommand {
    @Parameters(index = "0", paramLabel = "SETTING", description = "Which; see weft pool get.")
    private String name = "";

    @Parameters(index = "1", paramLabel = "VALUE", description = "Its value, or 'default'.")
    private String value = "";

    @Override
    protected void checkOptions() {
        var _ = parsed(PoolSetting.named(name));
    }

    private @Nullable Long parsed(PoolSetting setting) {
        return value.equals("default") ? null : (Long) setting.parse(value);
    }

    @Override
    protected void run(FabricSession session) throws IOException {
        PoolSetting setting = PoolSetting.named(name);
        PoolSettings now = write(session.records(), setting, parsed(setting));
        output().result(
                        setting.row(now),
                        "%s is %s"
                                .formatted(
                                        name,
                                        setting.valueIn(now)
                                                .orElse("what each control was started with")));
    }

    private static PoolSettings write(
            FabricRecords records, PoolSetting setting, @Nullable Long value) throws IOException {
        PoolSettings first = setting.in(PoolSettings.NONE, value);
        if (records.create(FabricPaths.SETTINGS, first)) {
            return first;
        }
        Optional<PoolSettings> now =
                records.update(
                        FabricPaths.SETTINGS, PoolSettings.class, old -> setting.in(old, value));
        return now.orElseThrow(
                () -> new IOException(FabricPaths.SETTINGS + " was deleted meanwhile; try again"));
    }
}
