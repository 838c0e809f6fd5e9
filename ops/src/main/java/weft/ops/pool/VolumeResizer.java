package weft.ops.pool;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.Found;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.Attachment;
import weft.fabric.FabricImage;
import weft.fabric.Volume;
import weft.ops.admin.Refusal;
import weft.ops.admin.VolumeAdmin;
import weft.ops.admin.VolumeUsers;
import weft.wire.holder.HolderMessage;
import weft.wire.holder.HolderMessage.Standing;
import weft.wire.holder.HolderMessage.Switched;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/// Grows a volume, also while it is used: one change of its record; then its holder is told.
public final class VolumeResizer {
    private static final int ANSWER_SECONDS_MAX = 3;
    private static final int ATTEMPTS_MAX = 8;

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
        List<Volume> made = new ArrayList<>();
        for (int attempt = 0; ; attempt++) {
            Outcome outcome = records.commitLayers(0, _ -> growth(name, sizeBytes, made));
            if (outcome instanceof Outcome.Committed) {
                break;
            }
            if (attempt == ATTEMPTS_MAX) {
                throw Refusal.state(
                        "volume '%s' is changed by others all the time: try again", name);
            }
        }
        Volume volume = made.getLast();
        Standing standing = tell(volume, sizeBytes);
        boolean isUsed = VolumeUsers.writerOf(image.get(), volume).isPresent();
        return new Resized(volume, standing == Standing.SWITCHED || !isUsed);
    }

    private List<Change> growth(String name, long sizeBytes, List<Volume> made) throws IOException {
        Found<Volume> now =
                records.find(FabricPaths.volume(name), Volume.class)
                        .orElseThrow(() -> VolumeAdmin.unknown(image.get(), name));
        checkResizable(now.noun());
        if (sizeBytes < now.noun().sizeBytes()) {
            throw Refusal.state(
                    "volume '%s' was changed by someone else meanwhile: try again", name);
        }
        made.add(now.noun().withSizeBytes(sizeBytes));
        return List.of(
                FabricRecords.replacement(FabricPaths.volume(name), made.getLast(), now.version()));
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
