package weft.ops.cli.volume;

import picocli.CommandLine.Command;

import weft.fabric.Volume;
import weft.ops.admin.VolumeAdmin;
import weft.ops.cli.FabricSession;

import java.io.IOException;

/// `weft volume protect`.
@Command(
        name = "protect",
        description = "Refuse to delete a volume or snapshot, or to roll it back.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft volume protect data@before-upgrade"})
final class VolumeProtect extends OneVolumeCommand {
    @Override
    protected void run(FabricSession session) throws IOException {
        Volume volume = new VolumeAdmin(session.records()).protect(session.image(), name(), true);
        output().result(volume, "volume %s is protected".formatted(name()));
    }
}
