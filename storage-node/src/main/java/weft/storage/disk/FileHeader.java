package weft.storage.disk;

import weft.storage.disk.FileHeader.Outcome.Damaged;
import weft.storage.disk.FileHeader.Outcome.Foreign;
import weft.storage.disk.FileHeader.Outcome.OtherFormat;
import weft.storage.disk.FileHeader.Outcome.Valid;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.zip.CRC32C;

/// The first 4096 bytes of every file of a store, big-endian:
///
/// ```
///  0  magic "WEFT"          4  kind, 4 letters      8  major version   10  minor version
/// 12  cluster id (16)      28  store UUID (16)     44  length n of the kind's own fields
/// 48  the kind's own fields (n bytes)              48+n  CRC32C of bytes 0..48+n-1, rest zero
/// ```
///
/// The shape is final; a kind changes by its own major version.
public record FileHeader(Kind kind, StoreIdentity identity, ByteBuffer own) {
    /// The header's size: one block, so that what follows is aligned.
    public static final int SIZE_BYTES = 4096;

    /// A reader refuses other majors and ignores the minor.
    public static final int MAJOR_VERSION = 1;

    private static final int MINOR_VERSION = 0;
    private static final int MAGIC = 0x57454654;
    private static final int FIXED_BYTES = 48;
    private static final int OWN_BYTES_MAX = SIZE_BYTES - FIXED_BYTES - Integer.BYTES;

    /// What a file holds.
    public enum Kind {
        /// The store's identity.
        IDNT,
        /// A journal segment.
        JRNL,
        /// One layer's part of one chunk.
        CHNK
    }

    public FileHeader {
        assert own.remaining() <= OWN_BYTES_MAX;
    }

    /// Puts the header at the buffer's position and moves it behind.
    public void emit(ByteBuffer out) {
        int start = out.position();
        out.putInt(MAGIC).put(kind.name().getBytes(StandardCharsets.US_ASCII));
        out.putShort((short) MAJOR_VERSION).putShort((short) MINOR_VERSION);
        putUuid(out, identity.cluster());
        putUuid(out, identity.store());
        out.putInt(own.remaining()).put(own.duplicate());
        out.putInt(checksum(out, start, out.position() - start));
        while (out.position() < start + SIZE_BYTES) {
            out.put((byte) 0);
        }
    }

    /// What the first bytes of a file turn out to be.
    public sealed interface Outcome {
        /// A header of this store.
        record Valid(FileHeader header) implements Outcome {}

        /// An intact header, but another store's or another cluster's, or of another kind.
        record Foreign(String why) implements Outcome {}

        /// An intact header of a format that this node does not read: what is behind it may be all
        /// right.
        record OtherFormat(String why) implements Outcome {}

        /// No intact header.
        record Damaged(String why) implements Outcome {}
    }

    /// Judges the block at the buffer's position, which does not move.
    ///
    /// @param expected whose file it must be
    public static Outcome parse(Kind kind, StoreIdentity expected, ByteBuffer block) {
        ByteBuffer in = block.slice();
        if (in.remaining() < SIZE_BYTES) {
            return new Damaged("only %d bytes long".formatted(in.remaining()));
        }
        int ownBytes = in.getInt(FIXED_BYTES - Integer.BYTES);
        if (in.getInt(0) != MAGIC || ownBytes < 0 || ownBytes > OWN_BYTES_MAX) {
            return new Damaged("no Weft file");
        }
        if (in.getInt(FIXED_BYTES + ownBytes) != checksum(in, 0, FIXED_BYTES + ownBytes)) {
            return new Damaged("header checksum is wrong");
        }
        byte[] letters = new byte[4];
        in.get(4, letters);
        String foundKind = new String(letters, StandardCharsets.US_ASCII);
        if (!foundKind.equals(kind.name())) {
            return new Foreign("is of kind %s, expected %s".formatted(foundKind, kind));
        }
        if (in.getShort(8) != MAJOR_VERSION) {
            return new OtherFormat(
                    "has format version %d, this node reads %d"
                            .formatted(in.getShort(8), MAJOR_VERSION));
        }
        var found = new StoreIdentity(uuidAt(in, 12), uuidAt(in, 28));
        if (!found.cluster().equals(expected.cluster())) {
            return new Foreign(
                    "belongs to cluster %s, this is cluster %s"
                            .formatted(found.cluster(), expected.cluster()));
        }
        if (!found.store().equals(expected.store())) {
            return new Foreign(
                    "belongs to store %s, this is store %s"
                            .formatted(found.store(), expected.store()));
        }
        byte[] own = new byte[ownBytes];
        in.get(FIXED_BYTES, own);
        return new Valid(new FileHeader(kind, found, ByteBuffer.wrap(own)));
    }

    /// The store UUID that an identity file claims, whatever it is worth; for reading it the first
    /// time.
    static UUID claimedStore(ByteBuffer block) {
        return uuidAt(block, block.position() + 28);
    }

    private static int checksum(ByteBuffer buffer, int start, int lengthBytes) {
        var crc = new CRC32C();
        crc.update(buffer.slice(start, lengthBytes));
        return (int) crc.getValue();
    }

    private static void putUuid(ByteBuffer out, UUID id) {
        out.putLong(id.getMostSignificantBits()).putLong(id.getLeastSignificantBits());
    }

    private static UUID uuidAt(ByteBuffer in, int index) {
        return new UUID(in.getLong(index), in.getLong(index + Long.BYTES));
    }
}
