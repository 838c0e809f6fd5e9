package weft.vmhost.translator;

import java.util.List;

/// Translated code with what has to hold for it to be run: the page of guest memory that it was
/// made of, in the version it was made of. Shared by all harts of a machine.
final class Region {
    private final long physicalPage;
    private final int version;
    private final RegionCode code;
    private final List<Integer> entries;
    private final int length;

    /// How many instructions it may still execute before it is worth more of HotSpot's time. Harts
    /// race for it, and may lose some: it is no exact count.
    private long untilHot;

    /// @param physicalPage guest-physical address of the page
    /// @param version the page's code version
    /// @param entries the slots where it may be entered, by number of the entry
    /// @param length its instructions
    /// @param untilHot how many it executes before it is hot
    Region(
            long physicalPage,
            int version,
            RegionCode code,
            List<Integer> entries,
            int length,
            long untilHot) {
        this.physicalPage = physicalPage;
        this.version = version;
        this.code = code;
        this.entries = List.copyOf(entries);
        this.length = length;
        this.untilHot = untilHot;
    }

    long physicalPage() {
        return physicalPage;
    }

    int version() {
        return version;
    }

    RegionCode code() {
        return code;
    }

    List<Integer> entries() {
        return entries;
    }

    int length() {
        return length;
    }

    /// Counts instructions that it has executed; answers true once, when it has become hot.
    boolean becomesHot(long executed) {
        long before = untilHot;
        untilHot = before - executed;
        return before > 0 && before <= executed;
    }
}
