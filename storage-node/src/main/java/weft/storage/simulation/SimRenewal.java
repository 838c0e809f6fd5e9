package weft.storage.simulation;

import weft.fabric.VolumeId;
import weft.sim.SimWorld;
import weft.storage.simulation.SimRecords.Held;
import weft.volume.RemoteVolume.Renewed;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/// One look of a holder that was refused: what `weft.volume.VolumeClaims` does with blocking calls,
/// step by step in virtual time. The two must be changed together.
final class SimRenewal {
    private static final long SEALING_NANOS_MAX = 500 * SimPool.MILLIS;
    private static final long LOOK_NANOS = 5 * SimPool.MILLIS;

    private final SimPool pool;
    private final SimWorld world;
    private final SimProcess self;
    private final VolumeId volume;
    private final int known;
    private final long startNanos;
    private final CompletableFuture<Optional<Renewed>> result = new CompletableFuture<>();

    /// @param known the generation of the layer that the process writes
    SimRenewal(SimPool pool, SimProcess self, VolumeId volume, int known) {
        this.pool = pool;
        this.self = self;
        this.volume = volume;
        this.known = known;
        world = pool.world;
        startNanos = world.nowNanos();
    }

    CompletableFuture<Optional<Renewed>> begin() {
        look();
        return result;
    }

    private void look() {
        atCoordination(() -> {
            Held attachment = pool.records.volume(volume);
            if (attachment.sharers().contains(self)) {
                atCoordination(() -> seen(attachment, pool.records.volume(volume)));
            } else {
                end(Optional.empty());
            }
        });
    }

    /// @param attachment as it was read, before the record
    private void seen(Held attachment, Held now) {
        int top = now.record().chain().top().generation();
        boolean isCut = top > known && now.record().sealedBelow() < top;
        if (isCut && world.nowNanos() - startNanos < SEALING_NANOS_MAX) {
            self.later(Duration.ofNanos(LOOK_NANOS), this::look);
            return;
        }
        atCoordination(() -> {
            boolean isAsItWas =
                    isCut
                            ? pool.records.touch(attachment)
                            : pool.records.volume(volume).attachmentVersion()
                                    == attachment.attachmentVersion();
            if (isAsItWas) {
                end(
                        Optional.of(
                                new Renewed(
                                        attachment.token(),
                                        now.record().chain(),
                                        now.record().sizeBytes())));
            } else {
                look();
            }
        });
    }

    private void end(Optional<Renewed> renewed) {
        self.later(
                Duration.ofNanos(world.between(200_000, 3 * SimPool.MILLIS)),
                () -> result.complete(renewed));
    }

    private void atCoordination(Runnable step) {
        self.later(Duration.ofNanos(world.between(400_000, 6 * SimPool.MILLIS)), step);
    }
}
