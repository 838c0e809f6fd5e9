package weft.storage.chunk;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.zip.CRC32C;

/// What one layer maps of one chunk: for each block whether it is unmapped (reads through to the
/// layer below), mapped as zeroes, or mapped to a block of the chunk's file (its *place*), with the
/// CRC32C of its bytes.
///
/// Each block's place is the block of the same number, until a large write is put elsewhere: only
/// then the map keeps places, 2 bytes for each block of the chunk.
///
/// Stored as: mapped bits (128 bytes, block 0 is the lowest bit of byte 0), stored bits (128
/// bytes), then 4 bytes of CRC32C, big-endian, for each stored block in ascending order; then, if
/// any place has another number than its block, 2 bytes of place, big-endian, for each of them. The
/// length tells which form it is.
public final class BlockMap {
    /// The most that a map takes in memory, about.
    static final int MEMORY_BYTES = (4 + 2) * ChunkKey.CHUNK_BLOCKS + 512;

    /// CRC32C of a block of zeroes.
    public static final int ZERO_BLOCK_CRC = checksum(ByteBuffer.allocate(ChunkKey.BLOCK_BYTES));

    private static final int BITS_BYTES = ChunkKey.CHUNK_BLOCKS / Byte.SIZE;

    private final BitSet mapped = new BitSet(ChunkKey.CHUNK_BLOCKS);
    private final BitSet stored = new BitSet(ChunkKey.CHUNK_BLOCKS);
    private final int[] checksums = new int[ChunkKey.CHUNK_BLOCKS];

    /// Null while every block's place has the block's number.
    private short @Nullable [] places;

    /// CRC32C of what remains in the buffer, whose position does not move.
    public static int checksum(ByteBuffer bytes) {
        var crc = new CRC32C();
        crc.update(bytes.duplicate());
        return (int) crc.getValue();
    }

    boolean isMapped(int block) {
        return mapped.get(block);
    }

    /// Whether the block has bytes in the chunk's file.
    boolean isStored(int block) {
        return stored.get(block);
    }

    int checksum(int block) {
        assert isStored(block);
        return checksums[block];
    }

    /// The block of the chunk's file that has the bytes of a stored block.
    int place(int block) {
        assert isStored(block);
        short[] moved = places;
        return moved == null ? block : moved[block];
    }

    /// All places of stored blocks; the caller's to change.
    BitSet places() {
        short[] moved = places;
        if (moved == null) {
            return (BitSet) stored.clone();
        }
        var all = new BitSet(ChunkKey.CHUNK_BLOCKS);
        for (int block = stored.nextSetBit(0); block >= 0; block = stored.nextSetBit(block + 1)) {
            all.set(moved[block]);
        }
        return all;
    }

    /// Whether every block's place has the block's number.
    boolean isIdentity() {
        return places == null;
    }

    /// Maps a block to bytes in the chunk's file.
    void store(int block, int place, int checksum) {
        assert place >= 0 && place < FileBlocks.BLOCKS_MAX;
        mapped.set(block);
        stored.set(block);
        checksums[block] = checksum;
        short[] moved = places;
        if (moved == null && place != block) {
            moved = new short[ChunkKey.CHUNK_BLOCKS];
            for (int at = 0; at < moved.length; at++) {
                moved[at] = (short) at;
            }
            places = moved;
        }
        if (moved != null) {
            moved[block] = (short) place;
        }
    }

    /// Maps `[from, to)` as zeroes.
    void zero(int from, int to) {
        mapped.set(from, to);
        stored.clear(from, to);
    }

    /// The first stored block from this one on; [ChunkKey#CHUNK_BLOCKS] if there is none.
    int nextStored(int from) {
        int next = stored.nextSetBit(from);
        return next < 0 ? ChunkKey.CHUNK_BLOCKS : next;
    }

    int storedBlocks() {
        return stored.cardinality();
    }

    int mappedBlocks() {
        return mapped.cardinality();
    }

    /// As [weft.wire.storage.MapDigest] has it: equal for maps of equal blocks, wherever these are
    /// in the file. A block of zeroes may be stored here and mapped as zeroes elsewhere: a copy
    /// that would have too many runs is sent with its zeroes.
    int digest() {
        ByteBuffer items = ByteBuffer.allocate(2 * Integer.BYTES * mapped.cardinality());
        for (int block = mapped.nextSetBit(0); block >= 0; block = mapped.nextSetBit(block + 1)) {
            items.putInt(block).putInt(stored.get(block) ? checksums[block] : ZERO_BLOCK_CRC);
        }
        return checksum(items.flip());
    }

    int storedBlocks(int from, int to) {
        return stored.get(from, to).cardinality();
    }

    /// The end of the run of blocks that are mapped and stored alike, from `block` on, at most
    /// `end`.
    int runEnd(int block, int end) {
        int next = block + 1;
        while (next < end
                && isMapped(next) == isMapped(block)
                && isStored(next) == isStored(block)) {
            next++;
        }
        return next;
    }

    /// The end of the run of stored blocks from `block` on whose places follow each other, too; at
    /// most `end`.
    int fileRunEnd(int block, int end) {
        int next = block + 1;
        while (next < end && isStored(next) && place(next) == place(block) + next - block) {
            next++;
        }
        return next;
    }

    private boolean isMoved() {
        for (int block = nextStored(0);
                block < ChunkKey.CHUNK_BLOCKS;
                block = nextStored(block + 1)) {
            if (place(block) != block) {
                return true;
            }
        }
        return false;
    }

    byte[] encode() {
        boolean moved = isMoved();
        int each = moved ? Integer.BYTES + Short.BYTES : Integer.BYTES;
        ByteBuffer out = ByteBuffer.allocate(2 * BITS_BYTES + each * stored.cardinality());
        out.put(mapped.toByteArray()).position(BITS_BYTES);
        out.put(stored.toByteArray()).position(2 * BITS_BYTES);
        for (int block = stored.nextSetBit(0); block >= 0; block = stored.nextSetBit(block + 1)) {
            out.putInt(checksums[block]);
        }
        for (int block = stored.nextSetBit(0);
                moved && block >= 0;
                block = stored.nextSetBit(block + 1)) {
            out.putShort((short) place(block));
        }
        return out.array();
    }

    static BlockMap decode(byte[] bytes) throws IOException {
        var map = new BlockMap();
        if (bytes.length < 2 * BITS_BYTES) {
            throw new IOException("block map of %d bytes".formatted(bytes.length));
        }
        ByteBuffer in = ByteBuffer.wrap(bytes);
        map.mapped.or(BitSet.valueOf(in.slice(0, BITS_BYTES)));
        map.stored.or(BitSet.valueOf(in.slice(BITS_BYTES, BITS_BYTES)));
        in.position(2 * BITS_BYTES);
        BitSet stored = map.stored;
        int count = stored.cardinality();
        boolean moved = in.remaining() == (Integer.BYTES + Short.BYTES) * count;
        if (!moved && in.remaining() != Integer.BYTES * count) {
            throw new IOException(
                    "block map with %d bytes of checksums and places for %d blocks"
                            .formatted(in.remaining(), count));
        }
        for (int block = stored.nextSetBit(0); block >= 0; block = stored.nextSetBit(block + 1)) {
            map.checksums[block] = in.getInt();
        }
        var taken = new BitSet();
        for (int block = stored.nextSetBit(0);
                moved && block >= 0;
                block = stored.nextSetBit(block + 1)) {
            int place = in.getShort();
            if (place < 0 || taken.get(place)) {
                throw new IOException("block map with place %d twice, or none".formatted(place));
            }
            taken.set(place);
            map.store(block, place, map.checksums[block]);
        }
        return map;
    }
}
