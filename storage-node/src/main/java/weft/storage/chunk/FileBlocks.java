package weft.storage.chunk;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;

import java.util.BitSet;

/// Which blocks of one chunk's file may not be written, beside those that the chunk's map names.
/// Made when a block leaves the map or a large write is put into the file, dropped once a
/// checkpoint has settled all of it and no space is spare.
///
/// ```text
///   free ──take──► held (a journal record of an open entry names it)
///     ▲              │ applied: the map names it, too; void: nothing else does
///     │              ▼
///     │           placed: the record may be replayed ──full checkpoint──► in the map, or free
///     └─full checkpoint── freed: left the map, but the saved map may still name it
/// ```
///
/// Held and placed blocks are *frozen*: a recovery reads a large write back from them, so nothing
/// is written there, whatever the map says. Freed ones keep their bytes, too: a replay begins with
/// the saved map, and a write of a part of a block takes the rest of it from where that map says.
/// Once free, the space is given back, or kept for a while as *spare*, so that large writes that
/// come again and again find blocks that the file system need not make anew.
///
/// Only those that were punched (zeroes or a discard, which the replay comes to as well) may be had
/// by small writes, so that a block that is trimmed and written again stays where it was.
///
/// What a checkpoint settles is what it saw: `take` moves it aside, `settled` lets it go.
final class FileBlocks {
    /// Blocks of a file at most: 128 MiB, what fits a place of 2 bytes. A chunk has 4 MiB; the rest
    /// is for what is overwritten between two checkpoints.
    static final int BLOCKS_MAX = 1 << 15;

    /// Large writes get no block from here on, so that small ones never lack one, however much one
    /// chunk is overwritten before a checkpoint is done. Small writes come here only when all
    /// before is taken, and then no large write can freeze their blocks again: a chunk's blocks
    /// once in the map, once freed before and once after a checkpoint took the map, and a quarter
    /// to spare.
    static final int LARGE_END = BLOCKS_MAX - 4 * ChunkKey.CHUNK_BLOCKS;

    private final BitSet held = new BitSet();
    private final BitSet placed = new BitSet();
    private final BitSet placing = new BitSet();
    private final BitSet freed = new BitSet();
    private final BitSet freeing = new BitSet();

    /// Blocks that left the map, or were a void write's, and still take space of the disk.
    private final BitSet idle = new BitSet();

    /// Takes `count` blocks in a row for a large write, those with the numbers from `wanted` on if
    /// they are free; answers the first, -1 if there is no such row.
    int takeRun(BlockMap map, int wanted, int count) {
        BitSet taken = map.places();
        taken.or(held);
        taken.or(placed);
        taken.or(placing);
        taken.or(freed);
        taken.or(freeing);
        int from = wanted;
        if (!isClear(taken, wanted, count)) {
            from = taken.nextClearBit(0);
            while (!isClear(taken, from, count)) {
                from = taken.nextClearBit(taken.nextSetBit(from));
            }
        }
        if (from > LARGE_END - count) {
            return -1;
        }
        hold(from, count);
        return from;
    }

    private static boolean isClear(BitSet taken, int from, int count) {
        int next = taken.nextSetBit(from);
        return next < 0 || next - from >= count;
    }

    /// Takes those blocks: a journal record that was found names them.
    void hold(int from, int count) {
        held.set(from, from + count);
        idle.clear(from, from + count);
    }

    /// The open entry that held them is applied or void.
    void release(int from, int count) {
        held.clear(from, from + count);
        placed.set(from, from + count);
    }

    boolean isFrozen(int place) {
        return held.get(place) || placed.get(place) || placing.get(place);
    }

    /// Whether any large write's bytes may be read back from the file.
    boolean isAnyFrozen() {
        return !held.isEmpty() || !placed.isEmpty() || !placing.isEmpty();
    }

    /// Whether a replay may need any of the file's bytes: those of a large write, or what the saved
    /// map still names.
    boolean isAnyNeeded() {
        return isAnyFrozen() || idle.intersects(freed) || idle.intersects(freeing);
    }

    boolean isAnyHeld() {
        return !held.isEmpty();
    }

    /// A block for a small write: the one with that number if it may be written; -1 if the file is
    /// full.
    int takeOne(BlockMap map, int wanted) {
        BitSet taken = map.places();
        taken.or(held);
        taken.or(placed);
        taken.or(placing);
        BitSet kept = (BitSet) freed.clone();
        kept.or(freeing);
        kept.and(idle);
        taken.or(kept);
        int place = taken.get(wanted) ? taken.nextClearBit(0) : wanted;
        if (place >= BLOCKS_MAX) {
            return -1;
        }
        idle.clear(place);
        return place;
    }

    /// The map does not name the block any more; it keeps its space and its bytes.
    void left(int place) {
        freed.set(place);
        idle.set(place);
    }

    /// The map does not name the block any more, and its space is given back.
    void punched(int place) {
        freed.set(place);
        idle.clear(place);
    }

    /// The file was deleted.
    void fileDeleted() {
        assert !isAnyFrozen();
        idle.clear();
    }

    /// Blocks that take space beside those that the map names.
    int extraBlocks(@Nullable BlockMap map) {
        BitSet all = (BitSet) idle.clone();
        all.or(held);
        all.or(placed);
        all.or(placing);
        if (map != null) {
            all.andNot(map.places());
        }
        return all.cardinality();
    }

    /// A full checkpoint takes the map.
    void take() {
        placing.or(placed);
        placed.clear();
        freeing.or(freed);
        freed.clear();
    }

    /// That checkpoint is durable. Answers the blocks whose space is to be given back; they count
    /// as given back.
    ///
    /// @param sweptBlocks the file's length, if an earlier life may have left any block in it
    /// @param spareMax blocks that may be kept if large writes came meanwhile, and no more than a
    ///   chunk has
    BitSet settled(BlockMap map, int sweptBlocks, int spareMax) {
        BitSet done = (BitSet) idle.clone();
        done.or(placing);
        BitSet spare = placing.isEmpty() ? new BitSet() : (BitSet) done.clone();
        done.set(0, sweptBlocks);
        placing.clear();
        freeing.clear();
        done.andNot(map.places());
        done.andNot(held);
        done.andNot(placed);
        done.andNot(freed);
        spare.and(done);
        int end = spare.nextSetBit(0);
        for (int kept = 0; end >= 0 && kept < Math.min(spareMax, ChunkKey.CHUNK_BLOCKS); kept++) {
            end = spare.nextSetBit(end + 1);
        }
        if (end >= 0) {
            spare.clear(end, BLOCKS_MAX);
        }
        done.andNot(spare);
        idle.andNot(done);
        idle.or(spare);
        return done;
    }

    /// Blocks that nothing names and whose space was kept.
    int spareBlocks() {
        BitSet spare = (BitSet) idle.clone();
        spare.andNot(freed);
        spare.andNot(freeing);
        return spare.cardinality();
    }

    /// Whether any block may be written that the map does not name.
    boolean isSettled() {
        return !isAnyFrozen() && freed.isEmpty() && freeing.isEmpty();
    }
}
