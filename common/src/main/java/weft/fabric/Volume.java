package weft.fabric;

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
public record Volume(
        VolumeId id,
        String name,
        long sizeBytes,
        Access access,
        List<VolumeId> layers,
        VolumeId placementRoot,
        int sealedBelow,
        long extentBytes,
        boolean isProtected) {
    /// The longest chain of layers; a deeper clone is refused.
    public static final int LAYERS_MAX = 32;

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
        this(id, name, sizeBytes, access, layers, placementRoot, 0, sizeBytes, false);
    }

    public Volume {
        checkName(name);
        layers = List.copyOf(layers);
        extentBytes = Math.max(extentBytes, sizeBytes);
        if (sizeBytes <= 0 || sizeBytes % 4096 != 0) {
            throw new IllegalArgumentException(
                    "volume size %d is not a positive multiple of 4096 bytes".formatted(sizeBytes));
        }
        boolean guarded =
                access != Access.READ_WRITE
                        || !layers.isEmpty() && layers.getFirst().volume().equals(id);
        if (layers.isEmpty() || layers.size() > LAYERS_MAX || !guarded) {
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

    /// The same volume, reading and writing through other layers.
    public Volume withLayers(List<VolumeId> other) {
        return with(name, sizeBytes, access, other, sealedBelow, isProtected);
    }

    /// The same volume when its layers of lower generations are sealed.
    public Volume withSealedBelow(int generation) {
        int highest = Math.max(sealedBelow, generation);
        return with(name, sizeBytes, access, layers, highest, isProtected);
    }

    /// The same volume under another name.
    public Volume withName(String other) {
        return with(other, sizeBytes, access, layers, sealedBelow, isProtected);
    }

    /// The same volume for other uses.
    public Volume withAccess(Access other) {
        return with(name, sizeBytes, other, layers, sealedBelow, isProtected);
    }

    /// The same volume with another end; its layers still reach as far as they ever did.
    public Volume withSizeBytes(long bytes) {
        return with(name, bytes, access, layers, sealedBelow, isProtected);
    }

    /// The same volume, which commands refuse to delete or roll back, or not.
    public Volume withProtection(boolean wanted) {
        return with(name, sizeBytes, access, layers, sealedBelow, wanted);
    }

    private Volume with(
            String otherName,
            long otherSizeBytes,
            Access otherAccess,
            List<VolumeId> otherLayers,
            int otherSealedBelow,
            boolean protection) {
        return new Volume(
                id,
                otherName,
                otherSizeBytes,
                otherAccess,
                otherLayers,
                placementRoot,
                otherSealedBelow,
                extentBytes,
                protection);
    }
}
