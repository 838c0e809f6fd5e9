package weft.ops.pool;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.fabric.Attachment;
import weft.fabric.FabricImage;
import weft.fabric.Volume;
import weft.ops.admin.Refusal;
import weft.ops.admin.VolumeAdmin;
import weft.wire.holder.HolderMessage;
import weft.wire.holder.HolderMessage.Standing;
import weft.wire.holder.HolderMessage.Switched;

import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/// Grows a volume, also while it is used: one change of its record; then its holder is told.
public final class VolumeResizer {
    private static final int ANSWER_SECONDS_MAX = 3;

    private final PoolSession pool;
    private final FabricRecords records;
    private final Supplier<FabricImage> image;

    /// @param image the newest picture of the fabric
    public VolumeResizer(PoolSession pool, FabricRecords records, Supplier<FabricImage> image) {
        this.pool = pool;
        this.records = records;
        this.image = image;
    }

    /// What became of it.
    ///
    /// @param isTold whether who uses the volume knows its new end already; true if nobody does
    public record Resized(Volume volume, boolean isTold) {}

    /// Moves the end further away. Blocks.
    public Resized grow(String name, long sizeBytes) throws IOException {
        Optional<Volume> grown =
                records.update(
                        FabricPaths.volume(name),
                        Volume.class,
                        now -> {
                            checkResizable(now);
                            if (sizeBytes < now.sizeBytes()) {
                                throw Refusal.state(
                                        "volume '%s' was changed by someone else meanwhile: try"
                                                + " again",
                                        name);
                            }
                            return now.withSizeBytes(sizeBytes);
                        });
        Volume volume = grown.orElseThrow(() -> VolumeAdmin.unknown(image.get(), name));
        Standing standing = tell(volume, sizeBytes);
        boolean isUsed = VolumeAdmin.writerOf(image.get(), volume).isPresent();
        return new Resized(volume, standing == Standing.SWITCHED || !isUsed);
    }

    private static void checkResizable(Volume volume) {
        if (volume.access() != Volume.Access.READ_WRITE) {
            throw Refusal.state("volume '%s' is read-only: it keeps its size", volume.name());
        }
    }

    private Standing tell(Volume volume, long sizeBytes) throws IOException {
        var attachment = records.find(FabricPaths.attachment(volume.id()), Attachment.class);
        if (attachment.isEmpty() || attachment.get().noun().process() == null) {
            return Standing.UNKNOWN;
        }
        Attachment holder = attachment.get().noun();
        Attachment.Process process = holder.process();
        try {
            Object answer =
                    process == null
                            ? Standing.UNKNOWN
                            : pool.ask(
                                            process,
                                            new HolderMessage.Resize(
                                                    volume.id(), holder.token(), sizeBytes))
                                    .get(ANSWER_SECONDS_MAX, TimeUnit.SECONDS);
            return answer instanceof Switched told && told.standings().size() == 1
                    ? told.standings().getFirst()
                    : Standing.UNKNOWN;
        } catch (ExecutionException | TimeoutException e) {
            return Standing.UNKNOWN;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
