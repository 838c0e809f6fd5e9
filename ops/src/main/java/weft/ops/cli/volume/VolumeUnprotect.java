package weft.ops.cli.volume;

import picocli.CommandLine.Command;

import weft.fabric.Volume;
import weft.ops.admin.VolumeAdmin;
import weft.ops.cli.FabricSession;

import java.io.IOException;

/// `weft volume unprotect`.
@Command(
        name = "unprotect",
        description = "Take the protection of a volume or snapshot back.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft volume unprotect data@before-upgrade"})
final class VolumeUnprotect extends OneVolumeCommand {
    @Override
    protected void run(FabricSession session) throws IOException {
        Volume volume = new VolumeAdmin(session.records()).protect(session.image(), name(), false);
        output().result(volume, "volume %s is not protected now".formatted(name()));
    }
}
