package weft.ops.cli.volume;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import weft.fabric.FabricImage;
import weft.fabric.Volume;
import weft.ops.admin.VolumeAdmin;
import weft.ops.cli.ByteSize;
import weft.ops.cli.FabricSession;

import java.io.IOException;

/// `weft volume clone`.
@Command(
        name = "clone",
        description = "Make a volume that begins as a snapshot or an image, at once.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "What neither has written since is stored once. The snapshot may be deleted.",
            "",
            "Example:",
            "  weft volume clone data@before-upgrade rehearsal"
        })
final class VolumeClone extends OneVolumeCommand {
    @Parameters(index = "1", paramLabel = "NEW", description = "What the clone is to be called.")
    private String newName = "";

    @Option(
            names = "--size",
            paramLabel = "SIZE",
            converter = ByteSize.Converter.class,
            description = "Its size, if larger: 512M, 10G, or bytes; a multiple of 4096.")
    private @Nullable ByteSize size;

    @Override
    protected void run(FabricSession session) throws IOException {
        FabricImage image = session.image();
        long sizeBytes = size != null ? size.bytes() : VolumeAdmin.find(image, name()).sizeBytes();
        Volume made = new VolumeAdmin(session.records()).clone(image, name(), newName, sizeBytes);
        output().result(
                        made,
                        "volume %s made of %s. Next: weft volume export %s"
                                .formatted(newName, name(), newName));
    }
}
