package weft.vmhost.translator;

import org.jspecify.annotations.Nullable;

import weft.vmhost.interpreter.DecodedPage;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// The regions of one machine, by where they can be entered: what one hart had translated, the
/// others need not translate again. Used by all harts and the translating thread.
final class RegionTable {
    private record Place(long physicalPage, int slot) {}

    private final Map<Place, Region> regions = new ConcurrentHashMap<>();

    void add(Region region) {
        for (int slot : region.entries()) {
            regions.put(new Place(region.physicalPage(), slot), region);
        }
    }

    void clear() {
        regions.clear();
    }

    /// The region that can be entered here and was made of the page as it is.
    @Nullable Region find(DecodedPage page, int slot) {
        Region region = regions.get(new Place(page.physicalPage(), slot));
        return region != null && region.version() == page.version() ? region : null;
    }
}
