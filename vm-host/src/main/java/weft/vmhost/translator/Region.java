package weft.vmhost.translator;

import java.util.BitSet;
import java.util.List;

/// Translated code with what has to hold for it to be run: the page of guest memory that it was
/// made of, in the version it was made of. Immutable; shared by all harts of a machine.
///
/// @param physicalPage guest-physical address of the page
/// @param version the page's code version
/// @param code the code
/// @param entries the slots where it may be entered, by number of the entry
/// @param instructions the slots whose instructions it executes
record Region(
        long physicalPage,
        int version,
        RegionCode code,
        List<Integer> entries,
        BitSet instructions) {
    Region {
        entries = List.copyOf(entries);
    }
}
