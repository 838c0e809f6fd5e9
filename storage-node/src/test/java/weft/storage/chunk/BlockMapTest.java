package weft.storage.chunk;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;

import java.io.IOException;
import java.nio.ByteBuffer;

class BlockMapTest {
    private static final int BITS_BYTES = 2 * ChunkKey.CHUNK_BLOCKS / 8;

    /// The form of stores that were written before blocks could have other places.
    @Test
    void aMapWithoutPlacesIsStoredWithoutThemAndReadAsEachBlockAtItsNumber() throws Exception {
        var map = new BlockMap();
        map.store(1, 1, 11);
        map.store(9, 9, 99);
        map.zero(3, 5);
        byte[] stored = map.encode();
        assertEquals(BITS_BYTES + 2 * 4, stored.length);
        BlockMap read = BlockMap.decode(stored);
        assertTrue(read.isIdentity());
        assertEquals(9, read.place(9));
        assertEquals(99, read.checksum(9));
        assertTrue(read.isMapped(4));
        assertArrayEquals(stored, read.encode());
    }

    @Test
    void placesAreStoredAsSoonAsOneDiffersAndNoLongerWhenNoneDoes() throws Exception {
        var map = new BlockMap();
        map.store(1, 1, 11);
        map.store(2, FileBlocks.BLOCKS_MAX - 1, 22);
        byte[] stored = map.encode();
        assertEquals(BITS_BYTES + 2 * (4 + 2), stored.length);
        BlockMap read = BlockMap.decode(stored);
        assertEquals(1, read.place(1));
        assertEquals(FileBlocks.BLOCKS_MAX - 1, read.place(2));
        assertEquals(22, read.checksum(2));
        assertArrayEquals(stored, read.encode());
        read.zero(2, 3);
        assertEquals(BITS_BYTES + 4, read.encode().length);
    }

    @Test
    void aRunInTheFileEndsWhereThePlacesDo() {
        var map = new BlockMap();
        map.store(0, 0, 1);
        map.store(1, 1, 1);
        map.store(2, 50, 1);
        map.store(3, 51, 1);
        map.store(4, 4, 1);
        assertEquals(5, map.runEnd(0, 10));
        assertEquals(2, map.fileRunEnd(0, 10));
        assertEquals(4, map.fileRunEnd(2, 10));
        assertEquals(3, map.fileRunEnd(2, 3));
    }

    @Test
    void twoBlocksAtOnePlaceAreRefused() {
        var map = new BlockMap();
        map.store(0, 7, 1);
        map.store(1, 8, 1);
        byte[] stored = map.encode();
        ByteBuffer.wrap(stored).putShort(stored.length - 2, (short) 7);
        assertThrows(IOException.class, () -> BlockMap.decode(stored));
        ByteBuffer.wrap(stored).putShort(stored.length - 2, (short) -1);
        assertThrows(IOException.class, () -> BlockMap.decode(stored));
        byte[] cut = java.util.Arrays.copyOf(stored, stored.length - 1);
        assertThrows(IOException.class, () -> BlockMap.decode(cut));
    }
}
