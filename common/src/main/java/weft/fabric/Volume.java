package weft.fabric;

import com.fasterxml.jackson.annotation.JsonInclude;

import org.jspecify.annotations.Nullable;

import java.util.List;

/// A virtual disk of the pool: a chain of layers of which only the top is written.
///
/// A snapshot is a volume, too: a read-only one named `VOLUME@SNAPSHOT`, with the layers that its
/// volume had.
///
/// @param id whose token guards the top layer, if the volume may be written
/// @param sizeBytes a positive multiple of 4096
/// @param access READ_ONLY volumes (images, snapshots) are never written again and may be cloned
/// @param layers layer ids, top first, then what unmapped blocks are read from; at most 32
/// @param placementRoot the id whose hash places the chunks: all layers of one image at one offset
///   share a placement group
/// @param sealedBelow the volume's layers of lower generations are never written again: whoever
///   might is known to have gone on to a later one, or is fenced
/// @param extentBytes how far the layers may reach: the largest size the volume ever had
/// @param isProtected whether commands refuse to delete it or to roll it back
/// @param ends the visible ends of the layers, see [LayerChain]
/// @param flattening a sealed layer that gets what is seen of those below it, to do without them
/// @param trimFrom what layers have from here on may be of no use any more; 0 if all is used
public record Volume(
        VolumeId id,
        String name,
        long sizeBytes,
        Access access,
        List<VolumeId> layers,
        VolumeId placementRoot,
        int sealedBelow,
        long extentBytes,
        boolean isProtected,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) @Nullable List<Long> ends,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable VolumeId flattening,
        @JsonInclude(JsonInclude.Include.NON_DEFAULT) long trimFrom) {
    /// The longest chain of layers; a deeper clone is refused.
    public static final int LAYERS_MAX = 32;

    /// The longest chain that is cut, but for the end of flattening, which makes it shorter: there
    /// is room for attempts in vain.
    public static final int LAYERS_OF_CUTS_MAX = LAYERS_MAX - 6;

    private static final char SNAPSHOT_MARK = '@';

    /// What holders may do.
    public enum Access {
        READ_WRITE,
        READ_ONLY,
        /// A snapshot that is being made: writes that belong to it may still arrive, and nobody
        /// opens it.
        SEALING
    }

    /// With nothing sealed, and as long as it ever was.
    public Volume(
            VolumeId id,
            String name,
            long sizeBytes,
            Access access,
            List<VolumeId> layers,
            VolumeId placementRoot) {
        this(
                id,
                name,
                sizeBytes,
                access,
                layers,
                placementRoot,
                0,
                sizeBytes,
                false,
                null,
                null,
                0);
    }

    public Volume {
        checkName(name);
        var chain = new LayerChain(layers, ends == null ? List.of() : ends);
        layers = chain.layers();
        ends = chain.ends();
        extentBytes = Math.max(extentBytes, sizeBytes);
        flattening = flattening != null && layers.contains(flattening) ? flattening : null;
        if (sizeBytes <= 0 || sizeBytes % 4096 != 0) {
            throw new IllegalArgumentException(
                    "volume size %d is not a positive multiple of 4096 bytes".formatted(sizeBytes));
        }
        boolean guarded =
                access != Access.READ_WRITE
                        || chain.top().volume().equals(id)
                                && chain.endOf(chain.top()) == LayerChain.NO_END;
        if (layers.size() > LAYERS_MAX || !guarded) {
            throw new IllegalArgumentException("volume %s: layers %s".formatted(name, layers));
        }
    }

    /// The name itself, if a volume or a snapshot may have it.
    ///
    /// @throws IllegalArgumentException with a message fit for people
    public static String checkName(String name) {
        int at = name.indexOf(SNAPSHOT_MARK);
        if (at < 0) {
            return FabricName.check("volume", name);
        }
        FabricName.check("volume", name.substring(0, at));
        FabricName.check("snapshot", name.substring(at + 1));
        return name;
    }

    /// The name of a volume's snapshot.
    public static String snapshotName(String volume, String snapshot) {
        return volume + SNAPSHOT_MARK + snapshot;
    }

    /// Whether this is a snapshot.
    public boolean isSnapshot() {
        return name.indexOf(SNAPSHOT_MARK) >= 0;
    }

    /// The name without a snapshot's part.
    public String volumeName() {
        int at = name.indexOf(SNAPSHOT_MARK);
        return at < 0 ? name : name.substring(0, at);
    }

    /// Whether this is a snapshot of the volume with that name.
    public boolean isSnapshotOf(String volume) {
        return name.startsWith(volume + SNAPSHOT_MARK);
    }

    /// Another volume that has the same in it, to which nothing was done yet.
    ///
    /// @param otherChain its layers
    public Volume derived(
            VolumeId otherId, String otherName, Access otherAccess, LayerChain otherChain) {
        return new Volume(
                otherId,
                otherName,
                sizeBytes,
                otherAccess,
                otherChain.layers(),
                placementRoot,
                0,
                extentBytes,
                false,
                otherChain.ends(),
                null,
                0);
    }

    /// Its layers and how far they are seen.
    public LayerChain chain() {
        return new LayerChain(layers, ends == null ? List.of() : ends);
    }

    /// Whether the layer is never written again, if it is one of the volume's own.
    public boolean isSealed(VolumeId layer) {
        return layer.generation() < sealedBelow;
    }

    /// The same volume, reading and writing through other layers.
    public Volume withChain(LayerChain other) {
        return with(name, sizeBytes, access, other, sealedBelow, isProtected, flattening, trimFrom);
    }

    /// The same volume, reading and writing through all of other layers.
    public Volume withLayers(List<VolumeId> other) {
        return withChain(LayerChain.of(other));
    }

    /// The same volume when its layers of lower generations are sealed.
    public Volume withSealedBelow(int generation) {
        int highest = Math.max(sealedBelow, generation);
        return with(name, sizeBytes, access, chain(), highest, isProtected, flattening, trimFrom);
    }

    /// The same volume under another name.
    public Volume withName(String other) {
        return with(
                other, sizeBytes, access, chain(), sealedBelow, isProtected, flattening, trimFrom);
    }

    /// The same volume for other uses.
    public Volume withAccess(Access other) {
        return with(
                name, sizeBytes, other, chain(), sealedBelow, isProtected, flattening, trimFrom);
    }

    /// The same volume with another end; its layers still reach as far as they ever did.
    public Volume withSizeBytes(long bytes) {
        return with(name, bytes, access, chain(), sealedBelow, isProtected, flattening, trimFrom);
    }

    /// The same volume, which commands refuse to delete or roll back, or not.
    public Volume withProtection(boolean wanted) {
        return with(name, sizeBytes, access, chain(), sealedBelow, wanted, flattening, trimFrom);
    }

    /// The same volume, of which a layer is to do without those below it; null for none.
    public Volume withFlattening(@Nullable VolumeId layer) {
        return with(name, sizeBytes, access, chain(), sealedBelow, isProtected, layer, trimFrom);
    }

    /// The same volume, of which layers may have what nobody sees; 0 for none.
    public Volume withTrimFrom(long bytes) {
        return with(name, sizeBytes, access, chain(), sealedBelow, isProtected, flattening, bytes);
    }

    private Volume with(
            String otherName,
            long otherSizeBytes,
            Access otherAccess,
            LayerChain chain,
            int otherSealedBelow,
            boolean protection,
            @Nullable VolumeId otherFlattening,
            long otherTrimFrom) {
        return new Volume(
                id,
                otherName,
                otherSizeBytes,
                otherAccess,
                chain.layers(),
                placementRoot,
                otherSealedBelow,
                extentBytes,
                protection,
                chain.ends(),
                otherFlattening,
                otherTrimFrom);
    }
}
