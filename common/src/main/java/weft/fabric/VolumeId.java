package weft.fabric;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/// A volume, for ever: names may be reused, ids never are. Also names a volume's layers: the layer
/// that a volume began with has the volume's id, each later one (begun by a snapshot) adds a
/// generation. So a layer says whose token guards it.
///
/// ```text
///   bit 63: 0 | generation of the layer, 23 bits | the volume, 40 bits, from 1
/// ```
public record VolumeId(@JsonValue long value) {
    private static final int VOLUME_BITS = 40;

    /// The highest id of a volume.
    public static final long VOLUME_MAX = (1L << VOLUME_BITS) - 1;

    /// The last generation of a volume's layers.
    public static final int GENERATION_MAX = (1 << 23) - 1;

    /// No volume has it: its token guards what is done to layers behind the scenes.
    public static final VolumeId MAINTENANCE = new VolumeId(VOLUME_MAX);

    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public VolumeId {
        if (value <= 0 || (value & VOLUME_MAX) == 0) {
            throw new IllegalArgumentException("volume id " + value + " is not positive");
        }
    }

    /// The volume that the layer was made for.
    public VolumeId volume() {
        return generation() == 0 ? this : new VolumeId(value & VOLUME_MAX);
    }

    /// Which of its volume's layers this is: 0 for the first.
    public int generation() {
        return (int) (value >>> VOLUME_BITS);
    }

    /// The layer that follows this one in its volume.
    ///
    /// @throws IllegalStateException if the volume has had as many as there can be
    public VolumeId nextGeneration() {
        if (generation() == GENERATION_MAX) {
            throw new IllegalStateException(
                    "volume %s has had %d layers, the most there can be"
                            .formatted(volume(), GENERATION_MAX + 1));
        }
        return new VolumeId(value + VOLUME_MAX + 1);
    }

    @Override
    public String toString() {
        return generation() == 0 ? "v" + value : volume() + "." + generation();
    }
}
