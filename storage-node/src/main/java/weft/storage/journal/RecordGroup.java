package weft.storage.journal;

import org.jspecify.annotations.Nullable;

import weft.storage.disk.Disk;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.UUID;
import java.util.zip.CRC32C;

/// The layout of one device write of the journal: the records that were waiting together.
///
/// ```
///  0  magic "WFJG"             4  length: header and records, without padding
///  8  segment epoch           16  group sequence
/// 24  record count            28  CRC32C of bytes 0..27, the store UUID, bytes 32..length-1
/// 32  records: each {length (4), bytes}; then zeroes up to the next multiple of 4096
/// ```
///
/// The group is the unit of tearing: the next one is written only after this one is durable, so a
/// bad group with a good one behind it is corruption, while records within a bad group prove
/// nothing. Bytes of an earlier use of the segment carry its earlier epoch, bytes of another store
/// (or a guest's forgery) another UUID under the checksum: neither is ever taken for a group.
final class RecordGroup {
    static final int ALIGNMENT_BYTES = Disk.ALIGNMENT_BYTES;
    static final int HEADER_BYTES = 32;
    static final int RECORD_HEADER_BYTES = 4;

    private static final int MAGIC = 0x57464A47;
    private static final int LENGTH_AT = 4;
    private static final int EPOCH_AT = 8;
    private static final int SEQUENCE_AT = 16;
    private static final int COUNT_AT = 24;
    private static final int CHECKSUM_AT = 28;
    private static final byte[] PADDING = new byte[ALIGNMENT_BYTES];

    private RecordGroup() {}

    /// Where a group stands in the journal.
    ///
    /// @param segmentEpoch the use of a segment file it lies in
    /// @param sequence its number in the whole journal, without gaps
    record Place(long segmentEpoch, long sequence) {}

    /// Bytes on disk of a group with one record of this length.
    static int sizeBytes(int recordBytes) {
        return aligned(HEADER_BYTES + RECORD_HEADER_BYTES + recordBytes);
    }

    static int aligned(int lengthBytes) {
        return (lengthBytes + ALIGNMENT_BYTES - 1) & -ALIGNMENT_BYTES;
    }

    /// Begins a group in an empty buffer.
    static void begin(ByteBuffer group) {
        group.clear().position(HEADER_BYTES);
    }

    /// Adds a record; the parts' positions do not move.
    static void add(ByteBuffer group, List<ByteBuffer> parts, int recordBytes) {
        group.putInt(recordBytes);
        int before = group.position();
        for (ByteBuffer part : parts) {
            group.put(group.position(), part, part.position(), part.remaining());
            group.position(group.position() + part.remaining());
        }
        assert group.position() - before == recordBytes;
    }

    /// Pads and seals the group; it then lies between position 0 and the limit.
    static void seal(ByteBuffer group, int recordCount, Place place, UUID store) {
        int length = group.position();
        group.putInt(0, MAGIC).putInt(LENGTH_AT, length);
        group.putLong(EPOCH_AT, place.segmentEpoch()).putLong(SEQUENCE_AT, place.sequence());
        group.putInt(COUNT_AT, recordCount);
        group.putInt(CHECKSUM_AT, checksum(group, 0, length, store));
        group.put(PADDING, 0, aligned(length) - length);
        group.flip();
    }

    /// The place of the intact group at this offset of a segment, or null if there is none: other
    /// bytes, another epoch, another store, or a wrong checksum.
    static @Nullable Place placeAt(ByteBuffer segment, int offset, long segmentEpoch, UUID store) {
        boolean mayBe = epochAt(segment, offset) == segmentEpoch;
        return mayBe ? intactPlaceAt(segment, offset, store) : null;
    }

    /// The same of that epoch or any later one.
    static @Nullable Place placeFrom(ByteBuffer segment, int offset, long epochMin, UUID store) {
        boolean mayBe = epochAt(segment, offset) >= epochMin;
        return mayBe ? intactPlaceAt(segment, offset, store) : null;
    }

    /// What the group at this offset says of itself; -1 if there is none.
    private static long epochAt(ByteBuffer segment, int offset) {
        boolean isGroup =
                segment.limit() - offset >= HEADER_BYTES && segment.getInt(offset) == MAGIC;
        return isGroup ? segment.getLong(offset + EPOCH_AT) : -1;
    }

    private static @Nullable Place intactPlaceAt(ByteBuffer segment, int offset, UUID store) {
        int length = segment.getInt(offset + LENGTH_AT);
        if (length < HEADER_BYTES
                || length > segment.limit() - offset
                || segment.getInt(offset + CHECKSUM_AT)
                        != checksum(segment, offset, length, store)) {
            return null;
        }
        return new Place(segment.getLong(offset + EPOCH_AT), segment.getLong(offset + SEQUENCE_AT));
    }

    /// The length on disk of the intact group at this offset.
    static int sizeBytesAt(ByteBuffer segment, int offset) {
        return aligned(segment.getInt(offset + LENGTH_AT));
    }

    /// Copies of the records of the intact group at this offset, in order; null if they do not fill
    /// it exactly, which no writer of ours does.
    static byte @Nullable [][] recordsAt(ByteBuffer segment, int offset) {
        int end = offset + segment.getInt(offset + LENGTH_AT);
        int count = segment.getInt(offset + COUNT_AT);
        if (count < 0 || (long) count * RECORD_HEADER_BYTES > end - offset) {
            return null;
        }
        byte[][] records = new byte[count][];
        int at = offset + HEADER_BYTES;
        for (int i = 0; i < count; i++) {
            if (end - at < RECORD_HEADER_BYTES) {
                return null;
            }
            int length = segment.getInt(at);
            at += RECORD_HEADER_BYTES;
            if (length < 0 || length > end - at) {
                return null;
            }
            records[i] = new byte[length];
            segment.get(at, records[i]);
            at += length;
        }
        return at == end ? records : null;
    }

    private static int checksum(ByteBuffer group, int offset, int lengthBytes, UUID store) {
        var crc = new CRC32C();
        crc.update(group.slice(offset, CHECKSUM_AT));
        ByteBuffer id = ByteBuffer.allocate(2 * Long.BYTES);
        id.putLong(store.getMostSignificantBits()).putLong(store.getLeastSignificantBits());
        crc.update(id.flip());
        crc.update(group.slice(offset + HEADER_BYTES, lengthBytes - HEADER_BYTES));
        return (int) crc.getValue();
    }
}
