package weft.fabric;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/// One placement group of the pool: a prefix of the 32-bit hash of the chunks it holds, so that a
/// group can later be split in place.
public record PlacementGroupId(@JsonValue int value) implements Comparable<PlacementGroupId> {
    /// The most groups a pool has: 2^16.
    public static final int COUNT_MAX = 1 << 16;

    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public PlacementGroupId {
        if (value < 0 || value >= COUNT_MAX) {
            throw new IllegalArgumentException("placement group " + value + " is not in 0..65535");
        }
    }

    @Override
    public int compareTo(PlacementGroupId other) {
        return Integer.compare(value, other.value);
    }

    @Override
    public String toString() {
        return "pg" + value;
    }
}
