package weft.storage.journal;

import java.nio.ByteBuffer;
import java.util.List;

/// Bytes of a chunk file that a record relies on: they are written and forced before the record is.
///
/// @param file that they go to; it exists
/// @param folders whose unforced entries lead to the file, innermost first
/// @param positionBytes in the file; a multiple of [weft.storage.disk.Disk#ALIGNMENT_BYTES]
/// @param bytes as many as a multiple of that; they count as if they were in the journal, since a
///   recovery reads them. Immutable until they are durable
public record DataBytes(String file, List<String> folders, long positionBytes, ByteBuffer bytes) {
    public DataBytes {
        folders = List.copyOf(folders);
    }

    int lengthBytes() {
        return bytes.remaining();
    }
}
