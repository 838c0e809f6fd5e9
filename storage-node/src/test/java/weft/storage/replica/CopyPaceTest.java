package weft.storage.replica;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class CopyPaceTest {
    private static final long MIB = 1 << 20;
    private static final long MILLIS = 1_000_000;
    private final CopyPace pace = new CopyPace();

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
        assertTrue(pace.begin(100, 0));
        assertFalse(pace.begin(100, 499 * MILLIS));
        assertTrue(pace.begin(100, 500 * MILLIS), "4 MiB at 8 MiB/s");
        assertFalse(pace.begin(100, 999 * MILLIS));
    }

    @Test
    void whatDidNotComeIsGivenBack() {
        assertTrue(pace.begin(100, 0));
        pace.came(MIB, 100);
        assertFalse(pace.begin(100, 124 * MILLIS));
        assertTrue(pace.begin(100, 125 * MILLIS));
        pace.came(0, 100);
        assertTrue(pace.begin(100, 125 * MILLIS));
        pace.came(4 * MIB, 100);
        assertFalse(pace.begin(100, 624 * MILLIS));
    }

    @Test
    void timeThatNobodyUsedIsNotKept() {
        assertTrue(pace.begin(0, 0));
        assertTrue(pace.begin(0, 60_000 * MILLIS));
        assertFalse(pace.begin(0, 60_001 * MILLIS));
    }
}
