package weft.ops.cli.volume;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import weft.fabric.Volume;
import weft.ops.admin.VolumeAdmin;
import weft.ops.cli.FabricSession;

import java.io.IOException;

/// `weft volume rename`.
@Command(
        name = "rename",
        description = "Give a volume and its snapshots another name.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft volume rename data data-old"})
final class VolumeRename extends OneVolumeCommand {
    @Parameters(index = "1", paramLabel = "NEW", description = "Its new name.")
    private String newName = "";

    @Override
    protected void run(FabricSession session) throws IOException {
        Volume renamed = new VolumeAdmin(session.records()).rename(session::image, name(), newName);
        output().result(renamed, "volume %s is %s now".formatted(name(), newName));
    }
}
