package weft.ops.cli.volume;

import picocli.CommandLine.Command;

import weft.fabric.Volume;
import weft.ops.cli.FabricSession;
import weft.ops.pool.PoolSession;
import weft.ops.pool.Rollback;

import java.io.IOException;

/// `weft volume rollback`.
@Command(
        name = "rollback",
        description = "Make a volume again what it was at a snapshot, at once.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "What was written since is lost, unless a later snapshot has it. Nothing may use the"
                    + " volume",
            "meanwhile.",
            "",
            "Example:",
            "  weft volume rollback data@before-upgrade"
        })
final class VolumeRollback extends OneVolumeCommand {
    @Override
    protected void run(FabricSession session) throws IOException {
        Volume back;
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            back = new Rollback(pool, session.records(), session::image).to(name());
        }
        output().result(back, "volume %s is as it was at %s".formatted(back.name(), name()));
    }
}
