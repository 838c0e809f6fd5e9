package weft.storage.journal;

import java.util.List;

/// Bytes outside of the journal that a record relies on: they are forced before it is written.
///
/// @param file that has them
/// @param folders whose unforced entries lead to the file, innermost first
/// @param bytes how many; they count as if they were in the journal, since a recovery reads them
public record UnforcedBytes(String file, List<String> folders, int bytes) {
    public UnforcedBytes {
        folders = List.copyOf(folders);
    }
}
