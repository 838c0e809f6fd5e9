package weft.ops.cli.volume;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import weft.fabric.Volume;
import weft.ops.admin.VolumeAdmin;
import weft.ops.cli.ByteSize;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricSession;
import weft.ops.cli.ProgressBar;
import weft.ops.pool.PoolSession;
import weft.volume.RemoteVolume;

import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// `weft volume resize`.
@Command(
        name = "resize",
        description = "Grow or shrink a volume that nothing uses at the moment.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Growing is instant; the new part reads as zeroes. Shrinking gives the space beyond"
                    + " the",
            "new end back before the end is moved: if it is interrupted, do it again.",
            "",
            "Example:",
            "  weft volume resize data --size 20G"
        })
final class VolumeResize extends OneVolumeCommand {
    /// What is given back by one request.
    private static final long STEP_BYTES = 1L << 30;

    private static final long STEP_SECONDS_MAX = 120;

    @Option(
            names = "--size",
            required = true,
            paramLabel = "SIZE",
            converter = ByteSize.Converter.class,
            description = "Its new size: 512M, 10G, or bytes; a multiple of 4096.")
    private ByteSize size = new ByteSize(ByteSize.GRANULARITY_BYTES);

    @Option(
            names = "--allow-shrink",
            description = "Make it smaller: what is beyond the new end is lost.")
    private boolean allowShrink;

    @Override
    protected void run(FabricSession session) throws IOException, InterruptedException {
        var admin = new VolumeAdmin(session.records());
        Volume volume = admin.requireResizable(session.image(), name(), size.bytes());
        if (size.bytes() < volume.sizeBytes()) {
            if (!allowShrink) {
                throw CliFailure.refused(
                        "volume '%s' has %s: --allow-shrink makes it smaller, and what is beyond the new end is lost"
                                .formatted(name(), ByteSize.humane(volume.sizeBytes())));
            }
            // First: nobody may ever read it again, also not after growing.
            giveBack(session, volume);
        }
        Volume resized = admin.resize(volume, size.bytes());
        output().result(
                        resized,
                        "volume %s has %s now, it had %s"
                                .formatted(name(), size, ByteSize.humane(volume.sizeBytes())));
    }

    private void giveBack(FabricSession session, Volume volume)
            throws IOException, InterruptedException {
        long lengthBytes = volume.sizeBytes() - size.bytes();
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            var attachment = pool.client().claim(volume, "weft volume resize");
            try (RemoteVolume open = pool.client().open(volume, attachment);
                    ProgressBar bar = output().progress("giving back", lengthBytes)) {
                for (long at = size.bytes(); at < volume.sizeBytes(); at += STEP_BYTES) {
                    long step = Math.min(STEP_BYTES, volume.sizeBytes() - at);
                    open.discard(at, step).get(STEP_SECONDS_MAX, TimeUnit.SECONDS);
                    bar.add(step);
                }
            }
        } catch (ExecutionException | TimeoutException e) {
            throw new IOException(
                    "volume '%s' keeps its size, but a part beyond the new end may be lost: %s"
                            .formatted(name(), reasonOf(e)),
                    e);
        }
    }

    private static String reasonOf(Exception e) {
        Throwable cause = e.getCause();
        return cause == null ? "the pool does not answer" : String.valueOf(cause.getMessage());
    }
}
