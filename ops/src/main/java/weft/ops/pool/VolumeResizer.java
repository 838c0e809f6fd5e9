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
import weft.volume.LayerCopier;
import weft.wire.holder.HolderMessage;
import weft.wire.holder.HolderMessage.Standing;
import weft.wire.holder.HolderMessage.Switched;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongConsumer;
import java.util.function.Supplier;

/// Moves the end of a volume, also while it is used.
///
/// Growing is one change of its record; then its holder is told. Shrinking tells the holder first,
/// which takes nothing beyond the new end from then on; a cut makes sure that what it had taken
/// before has ended; what is beyond is given back; and only then the record is changed, if nobody
/// else took the volume meanwhile. What is beyond the end is always zeroes, for it to grow again.
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

    /// Moves the end nearer; what is beyond it is lost. Blocks.
    ///
    /// @param progress is told how many bytes beyond the new end have been gone through
    public Volume shrink(String name, long sizeBytes, LongConsumer progress)
            throws IOException, InterruptedException {
        Volume volume = fresh(name).noun();
        checkResizable(volume);
        if (image.get().exports().containsKey(name)) {
            throw Refusal.state(
                    "volume '%s' is exported, and an NBD client is not told of a new end: weft"
                            + " volume unexport %s first",
                    name, name);
        }
        Standing standing = tell(volume, sizeBytes);
        boolean isUsed = VolumeAdmin.writerOf(image.get(), volume).isPresent();
        if (isUsed && standing != Standing.SWITCHED) {
            throw Refusal.state("who uses volume '%s' does not answer: try again", name);
        }
        boolean done = false;
        try {
            var wanted = new ConsistentCut.Wanted(name, Optional.empty());
            var _ = new ConsistentCut(pool, records, image).take(List.of(wanted), false);
            Found<Attachment> holder =
                    records.find(FabricPaths.attachment(volume.id()), Attachment.class)
                            .orElseThrow(() -> changed(name));
            Found<Volume> now = fresh(name);
            try (LayerCopier copier = pool.client().layerCopier(now.noun())) {
                copier.discardFrom(sizeBytes, progress);
            }
            Volume shrunk = now.noun().withSizeBytes(sizeBytes);
            List<Change> changes =
                    List.of(
                            FabricRecords.replacement(
                                    FabricPaths.volume(name), shrunk, now.version()),
                            new Change.Check(
                                    FabricPaths.attachment(volume.id()), holder.version()));
            if (records.store().commit(changes) instanceof Outcome.Conflict) {
                throw changed(name);
            }
            done = true;
            return shrunk;
        } finally {
            if (!done) {
                var _ = tell(volume, volume.sizeBytes());
            }
        }
    }

    private static Refusal changed(String name) {
        return Refusal.state(
                "volume '%s' was changed or taken by someone else meanwhile: try again", name);
    }

    private static void checkResizable(Volume volume) {
        if (volume.access() != Volume.Access.READ_WRITE) {
            throw Refusal.state("volume '%s' is read-only: it keeps its size", volume.name());
        }
    }

    private Found<Volume> fresh(String name) throws IOException {
        return records.find(FabricPaths.volume(name), Volume.class)
                .orElseThrow(() -> VolumeAdmin.unknown(image.get(), name));
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
