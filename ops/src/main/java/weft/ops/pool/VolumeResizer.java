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
import weft.runtime.Pause;
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

/// Makes a volume longer or shorter, also while it is used. It grows by one change of its record;
/// then its holder is told. It shrinks by a cut ([ConsistentCut]): all its layers end there, what
/// is written from then on goes to a new one, and what nobody sees any more is given back in the
/// background ([LayerTrim]).
public final class VolumeResizer {
    private static final int ANSWER_SECONDS_MAX = 3;
    private static final int ATTEMPTS_MAX = 8;
    private static final int TELLINGS_MAX = 4;
    private static final int TELL_AGAIN_MILLIS = 100;

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
    public Resized grow(String name, long sizeBytes) throws IOException, InterruptedException {
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
        for (int i = 0; standing == Standing.UNKNOWN && i < TELLINGS_MAX; i++) {
            // A cut may be on its way to the holder, which brings the top layer that it needs.
            Pause.millis(TELL_AGAIN_MILLIS);
            standing = tell(volume, sizeBytes);
        }
        boolean isUsed = VolumeUsers.writerOf(image.get(), volume).isPresent();
        return new Resized(volume, standing == Standing.SWITCHED || !isUsed);
    }

    /// Draws the end in: what was beyond is gone, but for what snapshots have of it. Blocks.
    ///
    /// @param force fences a holder that does not answer although the volume is in use
    public Resized shrink(String name, long sizeBytes, boolean force)
            throws IOException, InterruptedException {
        Volume before = find(name).noun();
        checkResizable(before);
        if (sizeBytes >= before.sizeBytes()) {
            throw Refusal.state(
                    "volume '%s' was changed by someone else meanwhile: try again", name);
        }
        try {
            Volume volume =
                    new ConsistentCut(pool, records, image)
                            .alone(
                                    new ConsistentCut.Wanted(
                                            name, new ConsistentCut.Purpose.Shrink(sizeBytes)),
                                    force)
                            .noun();
            return new Resized(volume, true);
        } catch (Refusal e) {
            Volume now = find(name).noun();
            if (now.id().equals(before.id()) && now.sizeBytes() == sizeBytes) {
                return new Resized(now, false);
            }
            throw e;
        }
    }

    private Found<Volume> find(String name) throws IOException {
        return records.find(FabricPaths.volume(name), Volume.class)
                .orElseThrow(() -> VolumeAdmin.unknown(image.get(), name));
    }

    private List<Change> growth(String name, long sizeBytes, List<Volume> made) throws IOException {
        Found<Volume> now = find(name);
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
        if (attachment.isEmpty() || attachment.get().noun().sharers().isEmpty()) {
            return Standing.UNKNOWN;
        }
        Attachment holder = attachment.get().noun();
        if (holder.isShared()) {
            // Each looks for itself when the record changes.
            return Standing.SWITCHED;
        }
        Attachment.Process process = holder.process();
        try {
            Object answer =
                    process == null
                            ? Standing.UNKNOWN
                            : pool.ask(
                                            process,
                                            new HolderMessage.Resize(
                                                    volume.id(),
                                                    holder.token(),
                                                    sizeBytes,
                                                    volume.chain().top()))
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
