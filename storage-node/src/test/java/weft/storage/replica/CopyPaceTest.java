package weft.storage.replica;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.PlacementGroupId;

class CopyPaceTest {
    private static final long MIB = 1 << 20;
    private static final long MILLIS = 1_000_000;
    private static final PlacementGroupId ONE = new PlacementGroupId(1);
    private static final PlacementGroupId TWO = new PlacementGroupId(2);
    private static final PlacementGroupId THREE = new PlacementGroupId(3);

    private final CopyPace pace = new CopyPace();

    /// By disks that are at work all the time: 8 MiB/s, half a second for a chunk.
    private boolean begins(PlacementGroupId group, long nowMillis) {
        return pace.begin(group, 100, false, nowMillis * MILLIS).isPresent();
    }

    /// The more the disks do for writers, the less is copied; always something.
    @Test
    void copiesMakeWayForWriters() {
        assertEquals(128 * MIB, CopyPace.bytesPerSecond(0));
        assertEquals(38 * MIB, CopyPace.bytesPerSecond(50));
        assertEquals(8 * MIB, CopyPace.bytesPerSecond(100));
        assertEquals(8 * MIB, CopyPace.bytesPerSecond(1000));
        for (int percent = 1; percent <= 100; percent++) {
            assertTrue(CopyPace.bytesPerSecond(percent) < CopyPace.bytesPerSecond(percent - 1));
        }
    }

    @Test
    void aChunkIsPaidForBeforeTheNextIsAskedFor() {
        assertTrue(begins(ONE, 0));
        assertFalse(begins(ONE, 499));
        assertTrue(begins(ONE, 500));
        assertFalse(begins(ONE, 999));
        assertFalse(begins(TWO, 999));
    }

    @Test
    void whatItTookIsSettledWhenItHasCome() {
        long paid = pace.begin(ONE, 0, false, 0).orElseThrow();
        assertEquals(31_250_000, paid);
        pace.settle(paid, 4 * MIB, 100, false);
        assertFalse(begins(ONE, 499));
        paid = pace.begin(ONE, 100, false, 500 * MILLIS).orElseThrow();
        pace.settle(paid, MIB, 100, false);
        assertFalse(begins(ONE, 624));
        assertTrue(begins(ONE, 625));
    }

    @Test
    void whatOnlyMovesIsCopiedAtHalfThePace() {
        assertTrue(pace.begin(ONE, 100, true, 0).isPresent());
        assertFalse(begins(ONE, 999));
        assertTrue(begins(ONE, 1_000));
    }

    @Test
    void timeThatNobodyUsedIsNotKept() {
        assertTrue(begins(ONE, 0));
        assertTrue(begins(ONE, 60_000));
        assertFalse(begins(ONE, 60_001));
    }

    /// Groups look for their turns at their ticks.
    @Test
    void aFewAreAskedForAtOnceWhereTheDisksAreFree() {
        int begun = 0;
        while (pace.begin(ONE, 0, false, 0).isPresent()) {
            begun++;
        }
        assertEquals(8, begun);
    }

    @Test
    void whoHadATurnLeavesTheNextToThoseThatWait() {
        assertTrue(begins(ONE, 0));
        assertFalse(begins(TWO, 100));
        assertFalse(begins(THREE, 100));
        assertFalse(begins(ONE, 600), "others wait");
        assertTrue(begins(THREE, 600));
        assertFalse(begins(ONE, 1_100));
        assertFalse(begins(THREE, 1_100));
        assertTrue(begins(TWO, 1_100));
        assertTrue(begins(ONE, 1_600), "nobody waits any more");
    }

    @Test
    void whoDoesNotAskAnyMoreIsNotWaitedFor() {
        assertTrue(begins(ONE, 0));
        assertFalse(begins(TWO, 100));
        assertFalse(begins(ONE, 1_000));
        assertTrue(begins(ONE, 2_200));
    }

    @Test
    void whoLeavesIsNotWaitedFor() {
        assertTrue(begins(ONE, 0));
        assertFalse(begins(TWO, 100));
        assertFalse(begins(ONE, 500));
        pace.leave(TWO);
        assertTrue(begins(ONE, 500));
    }
}
