package weft.ops.cli.volume;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.Volume;
import weft.ops.admin.Refusal;
import weft.ops.admin.VolumeAdmin;
import weft.ops.cli.ByteSize;
import weft.ops.cli.FabricSession;
import weft.ops.pool.PoolSession;
import weft.ops.pool.VolumeResizer;

import java.io.IOException;

/// `weft volume resize`.
@Command(
        name = "resize",
        description = "Grow a volume, also while it is used.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "A VM sees its disk's new size at once. NBD clients see it when they connect again."
                    + " What is",
            "added reads as zeroes. A volume does not shrink.",
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
    protected void run(FabricSession session) throws IOException, InterruptedException {
        VolumeAdmin.checkSize(name(), size.bytes());
        Volume volume = VolumeAdmin.find(session.image(), name());
        if (volume.sizeBytes() > size.bytes()) {
            throw Refusal.state(
                    "volume '%s' has %d bytes already, and does not shrink",
                    name(), volume.sizeBytes());
        }
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            VolumeResizer.Resized resized =
                    new VolumeResizer(pool, session.records(), session::image)
                            .grow(name(), size.bytes());
            String later = resized.isTold() ? "" : "; who uses it sees that when it opens it again";
            output().result(
                            resized.volume(),
                            "volume %s has %s now%s".formatted(name(), size, later));
        }
    }
}
