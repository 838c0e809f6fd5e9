package weft.ops.pool;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricRecords.Found;
import weft.fabric.FabricImage;
import weft.fabric.LayerChain;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.ops.admin.Refusal;
import weft.ops.admin.VolumeAdmin;
import weft.ops.pool.ConsistentCut.Purpose;
import weft.runtime.BootClock;
import weft.volume.LayerCopier;

import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Supplier;

/// Gives a volume all that it reads from layers that others have, too, and does without these,
/// while it is used.
///
/// ```text
///   1 cut      its layers so far are sealed, and the topmost of them is to have everything, says
///              the volume's record: control does the rest, in turns
///   2 fill     chunk after chunk: what is seen of the layers below, which this one does not map
///   3 cover    the rest of the chunk, as zeroes: nothing below is seen any more, whoever looks
///   4 cut      the holder goes on without the layers below, then the record does
/// ```
///
/// Whoever still reads through the longer chain, and for however long, ends at the covered layer.
/// So it does no harm that others write to what is below later: a layer that only one of them has
/// by then is merged ([LayerMerge]).
public final class Flattening {
    private static final Logger log = LoggerFactory.getLogger(Flattening.class);

    /// Others get turns, too.
    private static final Duration TURN = Duration.ofSeconds(3);

    private final PoolSession pool;
    private final FabricRecords records;
    private final Supplier<FabricImage> image;

    /// Up to where layers have been filled by this process.
    private final Map<VolumeId, Long> filled;

    /// @param image the newest picture of the fabric
    public Flattening(PoolSession pool, FabricRecords records, Supplier<FabricImage> image) {
        this(pool, records, image, new HashMap<>());
    }

    /// @param filled what is remembered from turn to turn
    Flattening(
            PoolSession pool,
            FabricRecords records,
            Supplier<FabricImage> image,
            Map<VolumeId, Long> filled) {
        this.pool = pool;
        this.records = records;
        this.image = image;
        this.filled = filled;
    }

    /// Whether the volume reads anything that is not its own, or has layers that are never merged
    /// because they are not seen equally far.
    public static boolean isWanted(Volume volume, FabricImage image) {
        return !volume.chain().ends().isEmpty()
                || volume.layers().stream()
                        .anyMatch(layer ->
                                !layer.volume().equals(volume.id())
                                        || image.volumes().values().stream()
                                                .anyMatch(other ->
                                                        !other.name().equals(volume.name())
                                                                && other.layers().contains(layer)));
    }

    /// Has a volume flattened in the background. Blocks until that is recorded.
    ///
    /// @return the volume as it is then
    /// @throws Refusal naming what stands in the way
    public Volume begin(String name) throws IOException, InterruptedException {
        Volume before = find(name).noun();
        if (before.access() != Volume.Access.READ_WRITE) {
            throw Refusal.state("volume '%s' is read-only: clone it, and flatten that", name);
        }
        return before.flattening() == null ? cut(name, new Purpose.BeginFlattening()) : before;
    }

    private Volume cut(String name, Purpose purpose) throws IOException, InterruptedException {
        return new ConsistentCut(pool, records, image)
                .alone(new ConsistentCut.Wanted(name, purpose), false)
                .noun();
    }

    private Found<Volume> find(String name) throws IOException {
        return records.find(FabricPaths.volume(name), Volume.class)
                .orElseThrow(() -> VolumeAdmin.unknown(image.get(), name));
    }

    /// Does a turn's work for a volume. Blocks.
    ///
    /// @return whether it may go on at once
    boolean goOn(String name) throws IOException, InterruptedException {
        OptionalLong turn = MaintenanceTurn.take(records);
        Optional<Found<Volume>> found = records.find(FabricPaths.volume(name), Volume.class);
        VolumeId layer = found.map(f -> f.noun().flattening()).orElse(null);
        if (turn.isEmpty() || found.isEmpty() || layer == null) {
            return turn.isEmpty();
        }
        Volume volume = found.get().noun();
        if (!fill(volume, layer, turn.getAsLong())) {
            return true;
        }
        var _ = cut(name, new Purpose.EndFlattening(layer));
        filled.remove(layer);
        log.info("volume {} has everything itself", name);
        return false;
    }

    /// Returns whether the layer has everything.
    private boolean fill(Volume volume, VolumeId layer, long turn)
            throws IOException, InterruptedException {
        long end = endOfInherited(volume, layer);
        long at = filled.getOrDefault(layer, 0L);
        if (at >= end) {
            return true;
        }
        LayerChain below = volume.chain().under(layer);
        long untilNanos = BootClock.SYSTEM.nowNanos() + TURN.toNanos();
        try (LayerCopier copier = pool.client().layerCopier(LayerTrim.whole(volume), turn)) {
            while (at < end && BootClock.SYSTEM.nowNanos() < untilNanos) {
                at = copier.fill(layer, below, at, end);
                filled.put(layer, at);
            }
        }
        return at >= end;
    }

    /// Up to where the layers below one are seen: none of them further than the uppermost.
    static long endOfInherited(Volume volume, VolumeId layer) {
        LayerChain chain = volume.chain();
        int below = chain.layers().indexOf(layer) + 1;
        return below == chain.layers().size()
                ? 0
                : Math.min(chain.endOf(chain.layers().get(below)), volume.extentBytes());
    }

    /// How far a layer has come, in bytes; from where it was seen before on.
    ///
    /// @return up to where it has everything
    public long progress(Volume volume, long fromBytes) throws IOException, InterruptedException {
        VolumeId layer = volume.flattening();
        return layer == null
                ? fromBytes
                : pool.client()
                        .mappedUntil(
                                LayerTrim.whole(volume),
                                layer,
                                fromBytes,
                                endOfInherited(volume, layer));
    }

    /// What is to be filled, in bytes.
    public static long totalBytes(Volume volume) {
        VolumeId layer = volume.flattening();
        return layer == null ? 0 : endOfInherited(volume, layer);
    }
}
