package weft.storage.simulation;

import weft.fabric.VolumeId;
import weft.sim.SimWorld;
import weft.storage.simulation.SimRecords.Held;
import weft.volume.Renewal.Look;
import weft.volume.Renewal.Renewed;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.IntSupplier;

/// One look of a holder that shares the volume: what `weft.volume.VolumeClaims` does with blocking
/// calls, step by step in virtual time. The two must be changed together.
final class SimRenewal {
    private static final long SEALING_NANOS_MAX = 500 * SimPool.MILLIS;
    private static final long LOOK_NANOS = 5 * SimPool.MILLIS;

    private final SimPool pool;
    private final SimWorld world;
    private final SimProcess self;
    private final VolumeId volume;
    private final IntSupplier known;
    private final boolean isRefused;
    private final CompletableFuture<Look> result = new CompletableFuture<>();
    private int last = -1;
    private long sinceNanos;

    /// @param known the generation of the layer that the process writes
    SimRenewal(
            SimPool pool, SimProcess self, VolumeId volume, IntSupplier known, boolean isRefused) {
        this.pool = pool;
        this.self = self;
        this.volume = volume;
        this.known = known;
        world = pool.world;
        this.isRefused = isRefused;
    }

    CompletableFuture<Look> begin() {
        look();
        return result;
    }

    private void look() {
        atCoordination(() -> {
            Held attachment = pool.records.volume(volume);
            if (attachment.isHeldBy(self)) {
                atCoordination(() -> seen(attachment, pool.records.volume(volume)));
            } else {
                end(new Look(false, Optional.empty()));
            }
        });
    }

    /// @param attachment as it was read, before the record
    private void seen(Held attachment, Held now) {
        int top = now.record().chain().top().generation();
        if (top != last) {
            last = top;
            sinceNanos = world.nowNanos();
        }
        boolean isCut = top > known.getAsInt() && now.record().sealedBelow() < top;
        if (isCut && !isRefused) {
            end(new Look(true, Optional.empty()));
            return;
        }
        if (isCut && world.nowNanos() - sinceNanos < SEALING_NANOS_MAX) {
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
                var news =
                        new Renewed(
                                attachment.token(), now.record().chain(), now.record().sizeBytes());
                end(new Look(true, Optional.of(news)));
            } else {
                look();
            }
        });
    }

    private void end(Look look) {
        self.later(
                Duration.ofNanos(world.between(200_000, 3 * SimPool.MILLIS)),
                () -> result.complete(look));
    }

    private void atCoordination(Runnable step) {
        self.later(Duration.ofNanos(world.between(400_000, 6 * SimPool.MILLIS)), step);
    }
}
