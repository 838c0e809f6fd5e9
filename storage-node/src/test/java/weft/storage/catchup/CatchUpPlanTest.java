package weft.storage.catchup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;
import weft.fabric.VolumeId;
import weft.storage.catchup.CatchUpPlan.Decision;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;

class CatchUpPlanTest {
    private static final VolumeId BELOW = new VolumeId(7);
    private static final VolumeId TOP = BELOW.nextGeneration();
    private static final ChunkKey LOWER = new ChunkKey(BELOW, 0);
    private static final ChunkKey UPPER = new ChunkKey(TOP, 0);
    private static final ChunkKey OTHER = new ChunkKey(BELOW, 1);

    private final CatchUpPlan plan = new CatchUpPlan(0);

    private void theyHave(ChunkKey... keys) {
        List<ChunkStamp> stamps = List.of(keys).stream().map(k -> new ChunkStamp(k, 1, 5)).toList();
        plan.compare(Optional.empty(), stamps, 0, true);
    }

    private static Entry write(long sequence, VolumeId... layers) {
        var mutation =
                new Mutation.Write(
                        List.of(layers), 0, 100, ByteBuffer.allocate(8), ByteBuffer.allocate(0));
        return new Entry(1, sequence, 3, sequence, sequence, 0, mutation);
    }

    @Test
    void anEntryForAChunkUnderWayIsAppliedOnTopOfTheCopy() {
        theyHave(LOWER);
        assertEquals(Optional.of(LOWER), plan.next());
        Entry entry = write(6, BELOW);
        assertEquals(Decision.HOLD, plan.decide(entry, true));
        assertEquals(List.of(entry), plan.installed(LOWER));
        assertEquals(Decision.APPLY, plan.decide(write(7, BELOW), true));
    }

    @Test
    void aChunkUnderWayIsCopiedAgainIfItMayNeedAnotherThatIsUnderWay() {
        theyHave(LOWER, UPPER);
        assertEquals(Optional.of(LOWER), plan.next());
        assertEquals(Optional.of(UPPER), plan.next());
        assertEquals(Decision.SKIP, plan.decide(write(6, TOP, BELOW), true));
        assertEquals(List.of(), plan.installed(UPPER));
        assertEquals(List.of(), plan.installed(LOWER));
        assertFalse(plan.isComplete());
        assertEquals(Optional.of(UPPER), plan.next());
        assertEquals(List.of(), plan.installed(UPPER));
        assertTrue(plan.isComplete());
    }

    @Test
    void aChunkUnderWayIsCopiedAgainIfItMayNeedAnotherThatIsStale() {
        theyHave(LOWER, OTHER, UPPER);
        assertEquals(Optional.of(LOWER), plan.next());
        assertEquals(Optional.of(OTHER), plan.next());
        assertEquals(List.of(), plan.installed(OTHER));
        assertEquals(Optional.of(UPPER), plan.next());
        var drop = new Mutation.DropLayer(BELOW);
        assertEquals(Decision.APPLY, plan.decide(new Entry(1, 6, 0, 0, 0, 0, drop), true));
        assertEquals(List.of(), plan.installed(LOWER));
        // Asked for once more: stale again, while the upper one is under way.
        assertEquals(Decision.SKIP, plan.decide(write(7, TOP, BELOW), true));
        assertEquals(List.of(), plan.installed(UPPER));
        assertEquals(2, plan.remainingCount());
    }

    @Test
    void aCleanChunkIsCopiedIfItMayNeedAnotherThatIsStale() {
        theyHave(LOWER);
        assertEquals(Decision.SKIP, plan.decide(write(6, TOP, BELOW), true));
        assertEquals(Optional.of(LOWER), plan.next());
        assertEquals(Optional.of(UPPER), plan.next());
    }

    @Test
    void whatMayNeedAnotherIsCopiedAfterAllThatIsStale() {
        var clone = new ChunkKey(new VolumeId(9), 0);
        var deeper = new ChunkKey(TOP.nextGeneration(), 0);
        theyHave(clone, UPPER, deeper);
        assertEquals(Optional.of(clone), plan.next());
        assertEquals(Decision.SKIP, plan.decide(write(6, clone.layer(), TOP), true));
        assertEquals(List.of(), plan.installed(clone));
        // Its number is the lowest, and yet it does not come before the others.
        assertEquals(Optional.of(UPPER), plan.next());
        assertEquals(Optional.of(deeper), plan.next());
        assertEquals(List.of(), plan.installed(deeper));
        assertEquals(Optional.of(clone), plan.next());
    }

    @Test
    void whatHasToBeCopiedOnceMoreWaitsForAllOthersThatWait() {
        var clone = new ChunkKey(new VolumeId(9), 0);
        theyHave(LOWER, clone, UPPER);
        assertEquals(Optional.of(LOWER), plan.next());
        assertEquals(Decision.SKIP, plan.decide(write(6, TOP, BELOW), true));
        assertEquals(Decision.SKIP, plan.decide(write(7, clone.layer(), TOP), true));
        assertEquals(List.of(), plan.installed(LOWER));
        assertEquals(Optional.of(UPPER), plan.next());
        assertEquals(Optional.of(clone), plan.next());
        assertEquals(Decision.SKIP, plan.decide(write(8, clone.layer(), TOP), true));
        assertEquals(List.of(), plan.installed(clone));
        assertEquals(Decision.SKIP, plan.decide(write(9, TOP, BELOW, new VolumeId(9)), true));
        assertEquals(List.of(), plan.installed(UPPER));
        // Both again: the clone, whose key is lower, came first.
        assertEquals(Optional.of(clone), plan.next());
        assertEquals(Decision.SKIP, plan.decide(write(10, clone.layer(), TOP), true));
        assertEquals(List.of(), plan.installed(clone));
        assertEquals(Optional.of(UPPER), plan.next());
    }

    @Test
    void aCopyFromBeforeWhatWasLeftOutIsNotTheOneAskedFor() {
        theyHave(LOWER, UPPER);
        assertEquals(Optional.of(LOWER), plan.next());
        assertTrue(plan.isRecent(UPPER, 5));
        assertEquals(Decision.SKIP, plan.decide(write(6, TOP, BELOW), true));
        assertFalse(plan.isRecent(UPPER, 5));
        assertTrue(plan.isRecent(UPPER, 6));
        assertTrue(plan.isRecent(LOWER, 5));
        var drop = new Mutation.DropLayer(TOP);
        assertEquals(Decision.APPLY, plan.decide(new Entry(1, 7, 0, 0, 0, 0, drop), true));
        assertTrue(plan.isRecent(UPPER, 5));
    }

    @Test
    void aChunkForWhichTooMuchIsHeldIsCopiedOnceMore() {
        theyHave(UPPER);
        assertEquals(Optional.of(UPPER), plan.next());
        int half = ChunkKey.BLOCK_BYTES / 2;
        long sequence = 5;
        for (int held = 0; held + half <= CatchUpPlan.HELD_BYTES_MAX; held += half) {
            sequence++;
            assertEquals(Decision.HOLD, plan.decide(written(sequence, 100, half), true));
        }
        assertEquals(Decision.SKIP, plan.decide(written(sequence + 1, 100, half), true));
        assertTrue(plan.isRecent(UPPER, 5), "it is copied again anyway");
        assertEquals(List.of(), plan.installed(UPPER));
        assertEquals(Optional.of(UPPER), plan.next());
        assertFalse(plan.isRecent(UPPER, sequence));
        assertTrue(plan.isRecent(UPPER, sequence + 1));
        assertEquals(
                Decision.HOLD, plan.decide(written(sequence + 2, 100, half), true), "room again");
    }

    @Test
    void aChunkIsCopiedOnceMoreIfThereIsNoMemoryForItsEntries() {
        theyHave(UPPER);
        assertEquals(Optional.of(UPPER), plan.next());
        assertEquals(Decision.HOLD, plan.decide(written(6, 100, 100), true));
        assertEquals(100, plan.heldBytes());
        assertEquals(Decision.SKIP, plan.decide(written(7, 100, 100), false));
        assertEquals(0, plan.heldBytes());
        assertEquals(List.of(), plan.installed(UPPER));
        assertEquals(Optional.of(UPPER), plan.next());
        assertFalse(plan.isRecent(UPPER, 6));
        assertEquals(Decision.HOLD, plan.decide(written(8, 100, 100), true));
    }

    @Test
    void ofWhatIsHeldOnlyWhatCountsIsKept() {
        theyHave(UPPER);
        assertEquals(Optional.of(UPPER), plan.next());
        int block = ChunkKey.BLOCK_BYTES;
        Entry overwritten = written(6, 10 * block + 7, 2 * block);
        Entry completed = written(7, block + 7, block);
        Entry over = written(8, 10 * block, 4 * block);
        Entry completing = written(9, 2 * block + 7, block);
        List.of(overwritten, completed, over, completing)
                .forEach(entry -> plan.decide(entry, true));
        for (int i = 0; i < 12; i++) {
            assertEquals(
                    Decision.HOLD, plan.decide(written(10 + i, 100 * block, 256 * block), true));
        }
        List<Entry> held = plan.installed(UPPER);
        assertTrue(held.containsAll(List.of(completed, over, completing)), held::toString);
        assertFalse(held.contains(overwritten));
        assertEquals(21, held.getLast().sequence());
        assertTrue(held.size() < 16, "of the large ones some are gone");
    }

    private static Entry written(long sequence, int offset, int lengthBytes) {
        int whole = Mutation.wholeBlocks(offset, lengthBytes);
        var payload = ByteBuffer.allocate(lengthBytes);
        var checksums = ByteBuffer.allocate(whole * Integer.BYTES);
        var write = new Mutation.Write(List.of(TOP), 0, offset, payload, checksums);
        return new Entry(1, sequence, 0, 0, 0, 0, write);
    }

    @Test
    void nothingIsHeldWhileAChunkIsToBeAskedForAgain() {
        theyHave(UPPER);
        assertEquals(Optional.of(UPPER), plan.next());
        assertEquals(Decision.HOLD, plan.decide(write(6, TOP), true));
        var drop = new Mutation.DropLayer(TOP);
        assertEquals(Decision.APPLY, plan.decide(new Entry(1, 7, 0, 0, 0, 0, drop), true));
        assertEquals(Decision.SKIP, plan.decide(write(8, TOP), true));
        assertEquals(List.of(), plan.installed(UPPER));
        assertEquals(Optional.of(UPPER), plan.next());
        assertFalse(plan.isRecent(UPPER, 7), "that one has what was dropped");
    }

    /// What is held would be completed from a layer that others' blocks have come into since, or
    /// that was trimmed.
    @Test
    void aChunkUnderWayIsCopiedAgainIfWhatItsHeldEntriesReadChanges() {
        var changes =
                List.of(
                        new Mutation.CopyDown(new VolumeId(9), BELOW, 0, 0, ChunkKey.BLOCK_BYTES),
                        new Mutation.Trim(List.of(BELOW), 0, 0, ChunkKey.BLOCK_BYTES));
        for (Mutation change : changes) {
            var joining = new CatchUpPlan(0);
            var stale = List.of(new ChunkStamp(UPPER, 1, 5));
            joining.compare(Optional.empty(), stale, 0, true);
            assertEquals(Optional.of(UPPER), joining.next());
            assertEquals(Decision.HOLD, joining.decide(write(6, TOP, BELOW), true));
            assertEquals(
                    Decision.APPLY,
                    joining.decide(new Entry(1, 7, 0, 0, 0, 0, change), true),
                    "to BELOW");
            assertEquals(List.of(), joining.installed(UPPER));
            assertFalse(joining.isComplete());
            assertEquals(Optional.of(UPPER), joining.next());
        }
    }

    /// The same if the other layer is not here yet, so that the change itself is left out.
    @Test
    void aChunkUnderWayIsCopiedAgainIfWhatItsHeldEntriesReadWillBeCopied() {
        var source = new ChunkKey(new VolumeId(9), 0);
        theyHave(UPPER, source);
        assertEquals(Optional.of(source), plan.next());
        assertEquals(Optional.of(UPPER), plan.next());
        assertEquals(Decision.HOLD, plan.decide(write(6, TOP, BELOW), true));
        var copy = new Mutation.CopyDown(source.layer(), BELOW, 0, 0, ChunkKey.BLOCK_BYTES);
        assertEquals(Decision.SKIP, plan.decide(new Entry(1, 7, 0, 0, 0, 0, copy), true));
        assertEquals(List.of(), plan.installed(UPPER));
        assertEquals(List.of(), plan.installed(source));
        assertEquals(Optional.of(LOWER), plan.next());
        assertEquals(Optional.of(UPPER), plan.next());
    }
}
