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
        description = "Make a volume longer or shorter, also while it is used.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "A VM sees its disk's new size at once. NBD clients see it when they connect again."
                    + " What is",
            "added reads as zeroes. What is cut off is lost, but for what snapshots have of it:"
                    + " make file",
            "systems smaller first.",
            "",
            "Examples:",
            "  weft volume resize data --size 20G",
            "  weft volume resize data --size 5G --allow-shrink"
        })
final class VolumeResize extends OneVolumeCommand {
    @Option(
            names = "--size",
            required = true,
            paramLabel = "SIZE",
            converter = ByteSize.Converter.class,
            description = "Its new size: 512M, 10G, or bytes; a multiple of 4096.")
    private ByteSize size = new ByteSize(ByteSize.GRANULARITY_BYTES);

    @Option(
            names = "--allow-shrink",
            description = "Cut off what is beyond the new size, if that is smaller.")
    private boolean allowShrink;

    @Option(
            names = "--force",
            description =
                    "When shrinking: take the volume away from a holder that does not answer; its"
                            + " VM stops.")
    private boolean force;

    @Override
    protected void run(FabricSession session) throws IOException, InterruptedException {
        VolumeAdmin.checkSize(name(), size.bytes());
        Volume volume = VolumeAdmin.find(session.image(), name());
        boolean isShorter = size.bytes() < volume.sizeBytes();
        if (isShorter && !allowShrink) {
            throw Refusal.state(
                    "volume '%s' has %d bytes already, and would lose what is beyond %d: say"
                            + " --allow-shrink if that is wanted",
                    name(), volume.sizeBytes(), size.bytes());
        }
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            var resizer = new VolumeResizer(pool, session.records(), session::image);
            VolumeResizer.Resized resized =
                    isShorter
                            ? resizer.shrink(name(), size.bytes(), force)
                            : resizer.grow(name(), size.bytes());
            String later = resized.isTold() ? "" : "; who uses it sees that when it opens it again";
            output().result(
                            resized.volume(),
                            "volume %s has %s now%s".formatted(name(), size, later));
        }
    }
}
