package weft.ops.cli.volume;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.Volume;
import weft.ops.admin.VolumeAdmin;
import weft.ops.cli.ByteSize;
import weft.ops.cli.FabricSession;

import java.io.IOException;

/// `weft volume resize`.
@Command(
        name = "resize",
        description = "Grow a volume that nothing uses at the moment.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "The new part reads as zeroes. A volume does not shrink.",
            "",
            "Example:",
            "  weft volume resize data --size 20G"
        })
final class VolumeResize extends OneVolumeCommand {
    @Option(
            names = "--size",
            required = true,
            paramLabel = "SIZE",
            converter = ByteSize.Converter.class,
            description = "Its new size: 512M, 10G, or bytes; a multiple of 4096.")
    private ByteSize size = new ByteSize(ByteSize.GRANULARITY_BYTES);

    @Override
    protected void run(FabricSession session) throws IOException {
        Volume resized =
                new VolumeAdmin(session.records()).grow(session.image(), name(), size.bytes());
        output().result(resized, "volume %s has %s now".formatted(name(), size));
    }
}
