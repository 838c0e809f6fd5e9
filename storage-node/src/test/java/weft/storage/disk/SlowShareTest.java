package weft.storage.disk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class SlowShareTest {
    private static final long MILLIS = 1_000_000;

    private final SlowShare share = new SlowShare(20 * MILLIS);
    private long nowMillis = 1_000_000;

    private void work(int times, long eachMillis) {
        for (int i = 0; i < times; i++) {
            share.begin(nowMillis * MILLIS);
            nowMillis += eachMillis;
            share.end(nowMillis * MILLIS);
        }
    }

    private int percent() {
        return share.percent(nowMillis * MILLIS);
    }

    @Test
    void whatIsShortCountsForNothingHoweverMuchItIs() {
        assertEquals(0, percent());
        work(400, 19);
        assertEquals(0, percent());
    }

    @Test
    void whatIsSlowNowAndThenIsWellBesideWhatStandsStill() {
        assertTrue(SlowShare.isWellBeside(50, 10));
        assertTrue(SlowShare.isWellBeside(52, 13));
        assertFalse(SlowShare.isWellBeside(52, 14));
        assertTrue(SlowShare.isWellBeside(100, 25));
        assertFalse(SlowShare.isWellBeside(100, 26));
    }

    @Test
    void whatIsLongCountsAsItsShareOfTheWindow() {
        work(20, 50);
        assertEquals(25, percent());
        work(60, 50);
        assertEquals(100, percent());
        nowMillis += 1_000;
        assertEquals(75, percent());
        nowMillis += 3_000;
        assertEquals(0, percent());
    }

    @Test
    void oneLongStallDoesNotMakeADeviceSlow() {
        work(1_000, 1);
        work(1, 600);
        assertEquals(15, percent());
        assertFalse(SlowShare.isSlow(percent()));
        assertFalse(SlowShare.isWell(percent()));
    }

    @Test
    void whatDoesNotComeBackCountsFromItsBeginning() {
        share.begin(nowMillis * MILLIS);
        nowMillis += 19;
        assertEquals(0, percent());
        nowMillis += 1_981;
        assertEquals(50, percent());
        assertTrue(SlowShare.isSlow(percent()));
        nowMillis += 60_000;
        assertEquals(100, percent());
        share.end(nowMillis * MILLIS);
        nowMillis += 4_000;
        assertTrue(SlowShare.isWell(percent()));
    }

    @Test
    void howBusyItIsCountsWhatIsShort() {
        assertEquals(0, share.busyPercent(nowMillis * MILLIS));
        for (int i = 0; i < 100; i++) {
            work(1, 3);
            nowMillis += 7;
        }
        assertEquals(30, share.busyPercent(nowMillis * MILLIS));
        share.begin(nowMillis * MILLIS);
        nowMillis += 500;
        assertEquals(30, share.busyPercent(nowMillis * MILLIS), "not yet worked out anew");
        nowMillis += 500;
        assertEquals(100, share.busyPercent(nowMillis * MILLIS), "it runs");
        share.end(nowMillis * MILLIS);
        nowMillis += 2_000;
        assertEquals(0, share.busyPercent(nowMillis * MILLIS));
    }
}
