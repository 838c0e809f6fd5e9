package weft.wire.storage;

import java.util.List;

/// Some of a group's chunks, as of one moment, in ascending order.
///
/// @param last nothing follows
public record MapPage(List<MapDigest> maps, boolean last) {
    /// The most in one page: their maps are read while writes to the group wait.
    public static final int MAPS_MAX = 16;

    public MapPage {
        maps = List.copyOf(maps);
        if (maps.size() > MAPS_MAX || (maps.isEmpty() && !last)) {
            throw new IllegalArgumentException("a page of %d maps".formatted(maps.size()));
        }
        for (int i = 1; i < maps.size(); i++) {
            if (maps.get(i - 1).stamp().key().compareTo(maps.get(i).stamp().key()) >= 0) {
                throw new IllegalArgumentException("maps out of order: " + maps);
            }
        }
    }
}
