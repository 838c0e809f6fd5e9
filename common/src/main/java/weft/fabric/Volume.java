package weft.fabric;

import java.util.List;

/// A virtual disk of the pool: a chain of layers of which only the top is written.
///
/// @param id also the id of the top layer
/// @param sizeBytes a positive multiple of 4096
/// @param access READ_ONLY volumes (images) are never written again and may be cloned
/// @param layers layer ids, top (= `id`) first, then what unmapped blocks are read from; at most 32
/// @param placementRoot the id whose hash places the chunks: all layers of one image at one offset
///   share a placement group
public record Volume(
        VolumeId id,
        String name,
        long sizeBytes,
        Access access,
        List<VolumeId> layers,
        VolumeId placementRoot) {
    /// The longest chain of layers; a deeper clone is refused.
    public static final int LAYERS_MAX = 32;

    /// What holders may do.
    public enum Access {
        READ_WRITE,
        READ_ONLY
    }

    public Volume {
        FabricName.check("volume", name);
        layers = List.copyOf(layers);
        if (sizeBytes <= 0 || sizeBytes % 4096 != 0) {
            throw new IllegalArgumentException(
                    "volume size %d is not a positive multiple of 4096 bytes".formatted(sizeBytes));
        }
        if (layers.isEmpty() || layers.size() > LAYERS_MAX || !layers.getFirst().equals(id)) {
            throw new IllegalArgumentException("volume %s: layers %s".formatted(name, layers));
        }
    }

    /// The same volume with another end.
    public Volume withSizeBytes(long bytes) {
        return new Volume(id, name, bytes, access, layers, placementRoot);
    }
}
