package weft.storage.journal;

import java.io.IOException;

/// Gets the records of a recovered journal in the order in which they were appended.
@FunctionalInterface
public interface JournalVisitor {
    /// @param record the record's bytes, the visitor's to keep
    /// @param segmentEpoch the segment it lies in
    void record(byte[] record, long segmentEpoch) throws IOException;
}
