package weft.storage.chunk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;

import java.util.BitSet;

class FileBlocksTest {
    private final BlockMap map = new BlockMap();
    private final FileBlocks blocks = new FileBlocks();

    private static BitSet range(int from, int to) {
        var set = new BitSet();
        set.set(from, to);
        return set;
    }

    @Test
    void aLargeWriteGetsTheBlocksWithItsOwnNumbersWhileTheyAreFree() {
        assertEquals(100, blocks.takeRun(map, 100, 16));
        assertEquals(0, blocks.takeRun(map, 100, 16));
        assertEquals(16, blocks.takeRun(map, 90, 20));
    }

    @Test
    void whatLeftTheMapGetsNoLargeWriteUntilACheckpointIsDurable() {
        map.store(0, 0, 1);
        map.zero(0, 1);
        blocks.left(0);
        assertEquals(1, blocks.takeRun(map, 0, 4));
        blocks.take();
        assertEquals(5, blocks.takeRun(map, 0, 4));
        assertEquals(range(0, 1), blocks.settled(map, 0, 0));
        assertEquals(0, blocks.takeRun(map, 0, 1));
    }

    /// A replayed write of a part of the block begins with these bytes.
    @Test
    void whatLeftTheMapKeepsItsBytesUntilThenUnlessTheyArePunched() {
        blocks.left(0);
        blocks.punched(1);
        assertEquals(1, blocks.takeOne(map, 0));
        map.store(0, 1, 1);
        blocks.take();
        assertEquals(2, blocks.takeOne(map, 0));
        blocks.settled(map, 0, 0);
        assertEquals(0, blocks.takeOne(map, 0));
    }

    @Test
    void aPlaceIsFrozenUntilACheckpointThatSawItReleasedIsDurable() {
        assertEquals(0, blocks.takeRun(map, 0, 2));
        blocks.take();
        blocks.release(0, 2);
        blocks.settled(map, 0, 0);
        assertTrue(blocks.isFrozen(0), "released after the checkpoint took the map");
        blocks.take();
        assertTrue(blocks.isFrozen(0), "not durable");
        assertEquals(2, blocks.takeOne(map, 0));
        assertEquals(range(0, 2), blocks.settled(map, 0, 0), "void: nothing names it");
        assertFalse(blocks.isFrozen(0));
        assertTrue(blocks.isSettled());
    }

    @Test
    void spaceIsCountedUntilItIsGivenBack() {
        map.store(0, 0, 1);
        int place = blocks.takeRun(map, 0, 1);
        assertEquals(1, blocks.extraBlocks(map));
        blocks.left(map.place(0));
        map.store(0, place, 1);
        blocks.release(place, 1);
        assertEquals(1, blocks.extraBlocks(map), "the overwritten one");
        blocks.take();
        assertEquals(range(0, 1), blocks.settled(map, 0, 0));
        assertEquals(0, blocks.extraBlocks(map));
    }

    @Test
    void spaceOfWhatLargeWritesOverwroteIsKeptForTheNextOnes() {
        map.store(0, 0, 1);
        int place = blocks.takeRun(map, 0, 1);
        blocks.left(0);
        map.store(0, place, 1);
        blocks.release(place, 1);
        blocks.take();
        assertEquals(new BitSet(), blocks.settled(map, 0, ChunkKey.CHUNK_BLOCKS));
        assertEquals(1, blocks.extraBlocks(map), "kept, and counted");
        assertEquals(1, blocks.spareBlocks());
        assertTrue(blocks.isSettled());
        assertEquals(0, blocks.takeRun(map, 0, 1));
        assertEquals(0, blocks.spareBlocks());
    }

    @Test
    void spareSpaceIsGivenBackOnceNoLargeWriteComes() {
        map.store(0, 0, 1);
        blocks.release(blocks.takeRun(map, 0, 4), 4);
        blocks.take();
        assertEquals(
                new BitSet(),
                blocks.settled(map, 0, ChunkKey.CHUNK_BLOCKS),
                "of a write that is void");
        assertEquals(4, blocks.spareBlocks());
        blocks.take();
        assertEquals(range(1, 5), blocks.settled(map, 0, ChunkKey.CHUNK_BLOCKS));
        assertEquals(0, blocks.extraBlocks(map));
    }

    @Test
    void noMoreThanAChunksWorthIsKept() {
        int blocksMax = ChunkKey.CHUNK_BLOCKS;
        map.store(0, 0, 1);
        blocks.release(blocks.takeRun(map, 1, 2 * blocksMax), 2 * blocksMax);
        blocks.take();
        BitSet beyond = range(1 + blocksMax, 1 + 2 * blocksMax);
        assertEquals(beyond, blocks.settled(map, 0, 5 * blocksMax));
        assertEquals(blocksMax, blocks.spareBlocks());
    }

    @Test
    void largeWritesLeaveSmallOnesTheirBlocks() {
        assertEquals(0, blocks.takeRun(map, 0, FileBlocks.LARGE_END));
        assertEquals(-1, blocks.takeRun(map, 0, 1));
        for (int block = 0; block < ChunkKey.CHUNK_BLOCKS; block++) {
            map.store(block, blocks.takeOne(map, block), 1);
        }
        assertEquals(FileBlocks.LARGE_END, map.place(0));
    }

    @Test
    void aFullFileHasNoBlock() {
        blocks.hold(0, FileBlocks.BLOCKS_MAX - 1);
        assertEquals(FileBlocks.BLOCKS_MAX - 1, blocks.takeOne(map, 5));
        map.store(5, FileBlocks.BLOCKS_MAX - 1, 1);
        assertEquals(-1, blocks.takeOne(map, 6));
    }

    @Test
    void blocksThatAnEarlierLifeLeftAreFoundByTheFilesLength() {
        map.store(3, 3, 1);
        blocks.hold(5, 1);
        BitSet expected = range(0, 8);
        expected.clear(3);
        expected.clear(5);
        assertEquals(expected, blocks.settled(map, 8, 0));
    }
}
