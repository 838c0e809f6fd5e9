package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import weft.storage.disk.Disk;
import weft.storage.disk.FileDisk;

import java.io.IOException;
import java.nio.file.Path;

/// What may still be written is never more than the disk has.
class SpaceBudgetTest {
    private static final long LARGE = 1L << 30;

    /// The disk is asked while the bytes of a large write wait for the journal: its answer knows
    /// nothing of them.
    @Test
    void whatIsNotOnTheDiskYetCountsUntilTheDiskIsAskedAgain(@TempDir Path folder)
            throws IOException {
        Disk disk = new FileDisk(folder);
        var budget = new SpaceBudget(disk, StoreSettings.DEFAULT);
        long before = budget.freeBytes();
        assertTrue(before > 4 * LARGE, "this test needs a few GiB");
        budget.chunksChanged(LARGE);
        budget.willWrite(LARGE);
        budget.ask(0);
        assertNear(before - LARGE, budget.freeBytes());
        budget.written(LARGE);
        assertNear(before - LARGE, budget.freeBytes());
        budget.ask(0);
        assertNear(before, budget.freeBytes());
    }

    /// Others use the disk, too.
    private static void assertNear(long expected, long actual) {
        assertEquals(expected, actual, LARGE / 2.0);
    }
}
