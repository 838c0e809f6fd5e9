package weft.fabric;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/// A volume, for ever: names may be reused, ids never are. Also names the volume's own layer.
public record VolumeId(@JsonValue long value) {
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public VolumeId {
        if (value <= 0) {
            throw new IllegalArgumentException("volume id " + value + " is not positive");
        }
    }

    @Override
    public String toString() {
        return "v" + value;
    }
}
