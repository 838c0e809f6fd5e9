package weft.ops.pool;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.Found;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.Attachment;
import weft.fabric.Export;
import weft.fabric.FabricImage;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.ops.admin.Refusal;
import weft.ops.admin.VolumeAdmin;
import weft.runtime.Pause;
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

/// Moves the end of a volume, also while it is used: one change of its record; then its holder is
/// told.
///
/// What lies beyond the end must read as zeroes should the volume grow again, and its space is
/// given back, so shrinking goes on after the commit:
///
/// ```text
///   1 commit   the new size, and from where on everything is to be discarded
///   2 tell     the holder of that moment takes nothing beyond the end any more; who claims the
///              volume later reads the record
///   3 seal     what it had accepted before has ended, in layers below a new top one
///   4 discard  in that layer, everything beyond the end
///   5 seal     so that a discard of someone who was asleep cannot reach what is written later
///   6 commit   nothing is to be discarded any more, if the layer of 3 is right below the top
/// ```
///
/// Anyone may go on with it from 2, also several at once; control does if a command dies. Until 6
/// the volume neither grows nor gets snapshots.
public final class VolumeResizer {
    private static final int ANSWER_SECONDS_MAX = 3;
    private static final int ATTEMPTS_MAX = 8;
    private static final int TELL_AGAIN_MILLIS = 200;
    private static final int TELL_ATTEMPTS_MAX = 25;

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
    ///
    /// @param progress see [#finish]
    public Resized grow(String name, long sizeBytes, LongConsumer progress)
            throws IOException, InterruptedException {
        finish(name, progress);
        Optional<Volume> grown =
                records.update(
                        FabricPaths.volume(name),
                        Volume.class,
                        now -> {
                            checkResizable(now);
                            if (sizeBytes < now.sizeBytes() || now.isShrinking()) {
                                throw changed(name);
                            }
                            return now.withSizeBytes(sizeBytes);
                        });
        Volume volume = grown.orElseThrow(() -> VolumeAdmin.unknown(image.get(), name));
        Standing standing = tell(volume, holder(volume));
        boolean isUsed = VolumeAdmin.writerNow(records, volume).isPresent();
        return new Resized(volume, standing == Standing.SWITCHED || !isUsed);
    }

    /// Moves the end nearer; what is beyond it is lost. Blocks.
    ///
    /// @param progress see [#finish]
    public Volume shrink(String name, long sizeBytes, LongConsumer progress)
            throws IOException, InterruptedException {
        finish(name, progress);
        Found<Volume> now = fresh(name);
        checkResizable(now.noun());
        VolumeAdmin.checkUnprotected(now.noun());
        if (sizeBytes > now.noun().sizeBytes() || now.noun().isShrinking()) {
            throw changed(name);
        }
        if (records.find(FabricPaths.export(name), Export.class).isPresent()) {
            throw Refusal.state(
                    "volume '%s' is exported, and an NBD client is not told of a new end: weft"
                            + " volume unexport %s first",
                    name, name);
        }
        if (VolumeAdmin.writerNow(records, now.noun()).isPresent()
                && tell(now.noun(), holder(now.noun())) != Standing.SWITCHED) {
            throw Refusal.state("who uses volume '%s' does not answer: try again", name);
        }
        Volume shrunk = now.noun().withSizeBytes(sizeBytes).withDiscardFrom(sizeBytes);
        List<Change> change =
                List.of(FabricRecords.replacement(FabricPaths.volume(name), shrunk, now.version()));
        if (records.store().commit(change) instanceof Outcome.Conflict) {
            throw changed(name);
        }
        finish(name, progress);
        return fresh(name).noun();
    }

    /// Gives back what lies beyond the end of a volume that was shrunk, if it is there yet. Blocks.
    ///
    /// @param progress is told how many bytes beyond the end have been gone through
    public void finish(String name, LongConsumer progress)
            throws IOException, InterruptedException {
        for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
            Volume volume = fresh(name).noun();
            if (!volume.isShrinking()) {
                return;
            }
            tellUntilHeard(volume);
            var cut = new ConsistentCut(pool, records, image);
            Volume cleared = cut.seal(name).noun();
            if (!cleared.isShrinking() || !cleared.id().equals(volume.id())) {
                continue;
            }
            VolumeId zeroed = cleared.layers().getFirst();
            Volume whole = cleared.withSizeBytes(cleared.extentBytes());
            try (LayerCopier copier = pool.client().layerCopier(whole)) {
                copier.discardFrom(cleared.discardFromBytes(), progress);
            }
            Found<Volume> last = cut.seal(name);
            if (!last.noun().layers().get(1).equals(zeroed)) {
                // Someone else cut it meanwhile, and may have merged the layer.
                continue;
            }
            List<Change> change =
                    List.of(
                            FabricRecords.replacement(
                                    FabricPaths.volume(name),
                                    last.noun().withDiscardFrom(0),
                                    last.version()));
            if (records.store().commit(change) instanceof Outcome.Committed) {
                return;
            }
        }
        throw Refusal.state(
                "volume '%s' is changed by others all the time: it is shrunk, and what was cut off"
                        + " is given back later",
                name);
    }

    /// From now on nobody takes anything beyond the end. Who claims the volume meanwhile reads the
    /// record, and knows it.
    private void tellUntilHeard(Volume volume) throws IOException, InterruptedException {
        Optional<Found<Attachment>> held = Optional.empty();
        for (int attempt = 0; attempt < TELL_ATTEMPTS_MAX; attempt++) {
            held = holder(volume);
            if (tell(volume, held) != Standing.UNKNOWN) {
                return;
            }
            Pause.millis(TELL_AGAIN_MILLIS);
        }
        VolumeAdmin.writerNow(records, volume)
                .ifPresent(user -> {
                    throw Refusal.state(
                            "'%s' is shrunk, but what was cut off is kept: it is in use by %s, and"
                                    + " its holder does not answer",
                            volume.name(), user);
                });
        // Who does not know the volume now might open it later, as it was when it was claimed.
        Found<Attachment> gone = held.orElseThrow();
        Attachment nobody = Attachment.nobody(volume.id(), gone.noun().token() + 1);
        String path = FabricPaths.attachment(volume.id());
        var _ =
                records.store()
                        .commit(List.of(FabricRecords.replacement(path, nobody, gone.version())));
    }

    private static Refusal changed(String name) {
        return Refusal.state("volume '%s' was changed by someone else meanwhile: try again", name);
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

    private Optional<Found<Attachment>> holder(Volume volume) throws IOException {
        return records.find(FabricPaths.attachment(volume.id()), Attachment.class)
                .filter(found -> !found.noun().isNobody());
    }

    /// Tells the volume's holder where it ends; CLOSED also if nobody holds it.
    private Standing tell(Volume volume, Optional<Found<Attachment>> held)
            throws InterruptedException {
        if (held.isEmpty()) {
            return Standing.CLOSED;
        }
        Attachment holder = held.get().noun();
        Attachment.Process process = holder.process();
        if (process == null) {
            return Standing.UNKNOWN;
        }
        try {
            var end = new HolderMessage.Resize(volume.id(), holder.token(), volume.sizeBytes());
            return pool.ask(process, end).get(ANSWER_SECONDS_MAX, TimeUnit.SECONDS)
                                    instanceof Switched told
                            && told.standings().size() == 1
                    ? told.standings().getFirst()
                    : Standing.UNKNOWN;
        } catch (ExecutionException | TimeoutException e) {
            return Standing.UNKNOWN;
        }
    }
}
