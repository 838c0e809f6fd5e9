package weft.storage.journal;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.wire.MalformedMessage;
import weft.wire.WireReader;
import weft.wire.WireWriter;
import weft.wire.storage.EntryCodec;
import weft.wire.storage.ReplicaMessage;

/// The bytes of a [JournalRecord], final in form. The journal adds length and checksum around it:
///
/// ```text
///   kind 1 | group 4 | version 8 | by kind:
///     1 prepared       entry, as EntryCodec draws it
///     2 truncated      after sequence 8
///     3 version taken  in sync 1
///     4 adopted        sequence 8 | tables length 4, bytes
///     5 dropped        nothing
///     6 placed         entry, as EntryCodec draws it, its write as the zero of that range
///                      | file generation 8 | first block in the file 4
///                      | edges length 4, bytes | checksums length 4, bytes
/// ```
///
/// A record of the store itself has kind 7 and, in place of the rest, the number (8) of a batch
/// that the metadata have.
public final class JournalRecordCodec {
    private static final int PREPARED = 1;
    private static final int TRUNCATED = 2;
    private static final int VERSION_TAKEN = 3;
    private static final int ADOPTED = 4;
    private static final int DROPPED = 5;
    private static final int PLACED = 6;
    private static final int NOTE = 7;

    private JournalRecordCodec() {}

    /// Writes a record; large payloads stay references.
    public static void put(JournalRecord record, WireWriter out) {
        int kind =
                switch (record) {
                    case JournalRecord.Prepared _ -> PREPARED;
                    case JournalRecord.Truncated _ -> TRUNCATED;
                    case JournalRecord.VersionTaken _ -> VERSION_TAKEN;
                    case JournalRecord.Adopted _ -> ADOPTED;
                    case JournalRecord.Dropped _ -> DROPPED;
                    case JournalRecord.Placed _ -> PLACED;
                };
        out.putByte(kind);
        out.putInt(record.pg().value());
        out.putLong(record.version());
        switch (record) {
            case JournalRecord.Prepared r -> EntryCodec.put(r.entry(), out);
            case JournalRecord.Truncated r -> out.putLong(r.afterSequence());
            case JournalRecord.VersionTaken r -> out.putBoolean(r.inSync());
            case JournalRecord.Adopted r -> {
                out.putLong(r.sequence());
                out.putBytes(r.tables());
            }
            case JournalRecord.Dropped _ -> {}
            case JournalRecord.Placed r -> {
                EntryCodec.put(r.range(), out);
                out.putLong(r.generation());
                out.putInt(r.fileBlock());
                out.putBytes(r.edges());
                out.putBytes(r.checksums());
            }
        }
    }

    /// Reads a record and expects that the bytes end with it.
    public static JournalRecord get(WireReader in) throws MalformedMessage {
        try {
            JournalRecord record = fields(in);
            in.end();
            return record;
        } catch (IllegalArgumentException e) {
            throw new MalformedMessage("journal record: " + e.getMessage());
        }
    }

    /// Writes a note that the metadata have the batch of that number.
    public static void putNote(long number, WireWriter out) {
        out.putByte(NOTE);
        out.putLong(number);
    }

    /// Reads such a note and expects that the bytes end with it.
    public static long getNote(WireReader in) throws MalformedMessage {
        int kind = in.readByte();
        if (kind != NOTE) {
            throw new MalformedMessage("journal record kind %d of no group".formatted(kind));
        }
        long number = in.readLong();
        in.end();
        return number;
    }

    private static JournalRecord fields(WireReader in) throws MalformedMessage {
        int kind = in.readByte();
        PlacementGroupId pg = new PlacementGroupId(in.readInt());
        long version = in.readLong();
        return switch (kind) {
            case PREPARED -> new JournalRecord.Prepared(pg, version, EntryCodec.get(in));
            case TRUNCATED -> new JournalRecord.Truncated(pg, version, in.readLong());
            case VERSION_TAKEN -> new JournalRecord.VersionTaken(pg, version, in.readBoolean());
            case ADOPTED ->
                    new JournalRecord.Adopted(
                            pg,
                            version,
                            in.readLong(),
                            in.readBytes(ReplicaMessage.TABLES_BYTES_MAX));
            case DROPPED -> new JournalRecord.Dropped(pg, version);
            case PLACED ->
                    new JournalRecord.Placed(
                            pg,
                            version,
                            EntryCodec.get(in),
                            in.readLong(),
                            in.readInt(),
                            in.readBytes(2 * ChunkKey.BLOCK_BYTES),
                            in.readBytes(Integer.BYTES * ChunkKey.CHUNK_BLOCKS));
            default -> throw new MalformedMessage("journal record kind " + kind);
        };
    }
}
