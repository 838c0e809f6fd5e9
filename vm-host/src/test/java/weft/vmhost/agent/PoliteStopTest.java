package weft.vmhost.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class PoliteStopTest {
    private static final long PATIENCE = PoliteStop.PATIENCE_NANOS;

    private final PoliteStop stop = new PoliteStop();
    private int presses;

    private boolean isOver(boolean heard, long nowNanos) {
        return stop.isOver(
                () -> {
                    presses++;
                    return heard;
                },
                nowNanos);
    }

    @Test
    void whereNobodyHearsTheButtonTheCableIsPulledAtOnce() {
        assertTrue(isOver(false, 5));
        assertFalse(stop.isAsked());
    }

    @Test
    void aGuestThatHearsItIsAskedNowAndThenAndHasItsTime() {
        assertFalse(isOver(true, 5));
        assertFalse(isOver(true, 5 + PoliteStop.AGAIN_NANOS - 1));
        assertEquals(1, presses);
        assertFalse(isOver(true, 5 + PoliteStop.AGAIN_NANOS));
        assertEquals(2, presses);
        assertFalse(isOver(true, 5 + PATIENCE - 1));
        assertTrue(stop.isAsked());
        assertTrue(isOver(true, 5 + PATIENCE));
    }

    @Test
    void aGuestThatStartsAnewInsteadIsNotWaitedFor() {
        assertFalse(isOver(true, 5));
        assertTrue(isOver(false, 5 + PoliteStop.AGAIN_NANOS));
    }

    @Test
    void aVmThatIsToRunOnCanBeAskedAgainWhenItsTimeIsOver() {
        assertFalse(isOver(true, 0));
        stop.callOff(PATIENCE - 1);
        assertTrue(stop.isAsked());
        stop.callOff(PATIENCE);
        assertFalse(stop.isAsked());
        assertFalse(isOver(true, 2 * PATIENCE));
        assertEquals(2, presses);
    }
}
