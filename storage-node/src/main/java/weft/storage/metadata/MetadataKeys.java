package weft.storage.metadata;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.fabric.VolumeId;

import java.nio.ByteBuffer;

/// The keys of a store's metadata, big-endian so that they sort as their numbers do:
///
/// ```
///  I                                   identity: magic "WFMD" (4), format (4), cluster (16), store (16)
///  N                                   incarnation (8): raised at each start
///  E                                   the incarnation (8) that ended last with no space left that nothing names
///  J                                   epoch (8) of the first journal segment that is needed
///  K  number (8)                       nothing: the batch of that number was written; the last ones
///  G  group (4)                        the group's state, as GroupState draws it
///  C  group (4)                        when all its chunks had last been verified: Unix milliseconds (8);
///                                     below zero: never, its turns count from there
///  L  group (4)                        the same for comparing what its members' maps say
///  M  group (4) layer (8) index (8)    block map of a chunk, as BlockMap draws it
///  S  group (4) layer (8) index (8)    generation (8), version (8), sequence (8), stored blocks (4)
/// ```
public final class MetadataKeys {
    /// The store's identity.
    public static final byte[] IDENTITY = {'I'};

    /// The store's incarnation.
    public static final byte[] INCARNATION = {'N'};

    /// The incarnation that ended last with no space left in files that nothing names.
    public static final byte[] CLOSED = {'E'};

    /// Where the journal begins.
    public static final byte[] JOURNAL_START = {'J'};

    /// Prefix of the numbers of batches.
    public static final byte[] NUMBERS = {'K'};

    /// Prefix of all groups' states.
    public static final byte[] GROUPS = {'G'};

    /// Prefix of all chunks' stamps.
    public static final byte[] STAMPS = {'S'};

    private static final byte MAPS = 'M';
    private static final byte SCRUBBED = 'C';
    private static final byte COMPARED = 'L';
    private static final int GROUP_BYTES = 1 + Integer.BYTES;
    private static final int CHUNK_BYTES = GROUP_BYTES + 2 * Long.BYTES;

    private MetadataKeys() {}

    /// The number of a batch.
    public static byte[] number(long number) {
        return ByteBuffer.allocate(1 + Long.BYTES).put(NUMBERS[0]).putLong(number).array();
    }

    /// The number of a key of one.
    public static long numberOf(byte[] key) {
        return ByteBuffer.wrap(key).getLong(1);
    }

    /// A group's state.
    public static byte[] group(PlacementGroupId pg) {
        return group(GROUPS[0], pg.value());
    }

    /// When a group was last scrubbed.
    public static byte[] scrubbed(PlacementGroupId pg) {
        return group(SCRUBBED, pg.value());
    }

    /// When the maps of a group's members were last compared.
    public static byte[] compared(PlacementGroupId pg) {
        return group(COMPARED, pg.value());
    }

    /// A chunk's stamp.
    public static byte[] stamp(PlacementGroupId pg, ChunkKey key) {
        return chunk(STAMPS[0], pg, key);
    }

    /// A chunk's block map.
    public static byte[] map(PlacementGroupId pg, ChunkKey key) {
        return chunk(MAPS, pg, key);
    }

    /// Adds the removal of all chunks of a group.
    public static void deleteChunks(MetadataStore.Batch batch, PlacementGroupId pg) {
        batch.deleteRange(group(STAMPS[0], pg.value()), group(STAMPS[0], pg.value() + 1));
        batch.deleteRange(group(MAPS, pg.value()), group(MAPS, pg.value() + 1));
    }

    /// The group of a key of one.
    public static PlacementGroupId groupOf(byte[] key) {
        return new PlacementGroupId(ByteBuffer.wrap(key).getInt(1));
    }

    /// The chunk of a stamp's or map's key.
    public static ChunkKey chunkOf(byte[] key) {
        ByteBuffer in = ByteBuffer.wrap(key);
        return new ChunkKey(
                new VolumeId(in.getLong(GROUP_BYTES)), in.getLong(GROUP_BYTES + Long.BYTES));
    }

    private static byte[] group(byte kind, int pg) {
        return ByteBuffer.allocate(GROUP_BYTES).put(kind).putInt(pg).array();
    }

    private static byte[] chunk(byte kind, PlacementGroupId pg, ChunkKey key) {
        return ByteBuffer.allocate(CHUNK_BYTES)
                .put(kind)
                .putInt(pg.value())
                .putLong(key.layer().value())
                .putLong(key.chunkIndex())
                .array();
    }
}
