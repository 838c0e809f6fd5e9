package weft.ops.cli.volume;

import picocli.CommandLine.Command;

import weft.coordination.FabricPaths;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.ops.admin.Refusal;
import weft.ops.admin.VolumeAdmin;
import weft.ops.cli.FabricSession;
import weft.ops.cli.ProgressBar;
import weft.ops.pool.ConsistentCut;
import weft.ops.pool.LayerMerge;
import weft.ops.pool.PoolSession;

import java.io.IOException;

/// `weft volume flatten`.
@Command(
        name = "flatten",
        description = "Make a clone independent of what it was cloned from; it may be in use.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Copies all that the clone has not written itself. May be interrupted and begun again.",
            "",
            "Example:",
            "  weft volume flatten rehearsal"
        })
final class VolumeFlatten extends OneVolumeCommand {
    @Override
    protected void run(FabricSession session) throws IOException, InterruptedException {
        Volume volume = VolumeAdmin.find(session.image(), name());
        if (isIndependent(volume)) {
            throw Refusal.state("volume '%s' is no clone: it has all its data itself", name());
        }
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            Volume sealed =
                    new ConsistentCut(pool, session.records(), session::image).seal(name()).noun();
            try (ProgressBar bar = output().progress("flattening", sealed.sizeBytes())) {
                new LayerMerge(session.records(), pool.client())
                        .detach(lowestOwn(sealed), bar::update);
            }
        }
        Volume now = fresh(session);
        if (!isIndependent(now)) {
            throw Refusal.state("the layers of '%s' were changed meanwhile: try again", name());
        }
        output().result(now, "volume %s has all its data itself".formatted(name()));
    }

    private Volume fresh(FabricSession session) throws IOException {
        return session.records()
                .find(FabricPaths.volume(name()), Volume.class)
                .orElseThrow(() -> VolumeAdmin.unknown(session.image(), name()))
                .noun();
    }

    private static boolean isIndependent(Volume volume) {
        return volume.layers().stream().allMatch(layer -> layer.volume().equals(volume.id()));
    }

    /// The one right above the first layer of another volume.
    private static VolumeId lowestOwn(Volume volume) {
        return volume.layers().stream()
                .filter(layer -> layer.volume().equals(volume.id()))
                .reduce((_, lower) -> lower)
                .orElseThrow();
    }
}
