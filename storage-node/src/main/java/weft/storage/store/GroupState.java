package weft.storage.store;

import weft.storage.replica.ReplicatedTables;
import weft.wire.MalformedMessage;

import java.io.IOException;
import java.nio.ByteBuffer;

/// A group's state as a checkpoint saves it, big-endian:
///
/// ```
///  0 format (1)   1 version (8)   9 in sync (1)   10 applied sequence (8)   18 ordinal (8)
/// 26 voided ordinal (8)   34 tables, as ReplicatedTables draws them
/// ```
///
/// @param version the highest configuration version taken
/// @param inSync what was said when it was taken
/// @param appliedSequence every entry up to it is in the saved chunks and tables
/// @param ordinal every journal record of the group up to it has had its effect here, but for
///   prepared entries above `appliedSequence`
/// @param voidedOrdinal prepared entries in records up to it are void (drop, adoption)
/// @param tables the encoded tables
record GroupState(
        long version,
        boolean inSync,
        long appliedSequence,
        long ordinal,
        long voidedOrdinal,
        ByteBuffer tables) {
    private static final byte FORMAT = 1;
    private static final int FIXED_BYTES = 2 + 4 * Long.BYTES;

    static GroupState empty() {
        return of(0, false, 0, 0, 0, new ReplicatedTables());
    }

    /// The same of tables that are not encoded yet.
    static GroupState of(
            long version,
            boolean inSync,
            long appliedSequence,
            long ordinal,
            long voidedOrdinal,
            ReplicatedTables tables) {
        return new GroupState(
                version, inSync, appliedSequence, ordinal, voidedOrdinal, tables.encode());
    }

    byte[] encode() {
        return ByteBuffer.allocate(FIXED_BYTES + tables.remaining())
                .put(FORMAT)
                .putLong(version)
                .put((byte) (inSync ? 1 : 0))
                .putLong(appliedSequence)
                .putLong(ordinal)
                .putLong(voidedOrdinal)
                .put(tables.duplicate())
                .array();
    }

    static GroupState decode(byte[] bytes) throws IOException {
        if (bytes.length < FIXED_BYTES || bytes[0] != FORMAT) {
            throw new IOException("a group's state of an unknown format");
        }
        ByteBuffer in = ByteBuffer.wrap(bytes);
        in.get();
        return new GroupState(
                in.getLong(), in.get() != 0, in.getLong(), in.getLong(), in.getLong(), in.slice());
    }

    ReplicatedTables decodeTables() throws IOException {
        try {
            return ReplicatedTables.decode(tables);
        } catch (MalformedMessage e) {
            throw new IOException("a group's saved tables: " + e.getMessage(), e);
        }
    }
}
