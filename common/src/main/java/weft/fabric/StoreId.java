package weft.fabric;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

import java.util.UUID;

/// One disk (folder or device) of a storage node, for ever: it is written on the disk itself.
public record StoreId(@JsonValue UUID uuid) implements Comparable<StoreId> {
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public StoreId {}

    @Override
    public int compareTo(StoreId other) {
        return uuid.compareTo(other.uuid);
    }

    @Override
    public String toString() {
        return "s-" + uuid.toString().substring(0, 8);
    }
}
