package weft.vmhost.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.List;

class PlicTest {
    private static final int MACHINE = 0;
    private static final int SUPERVISOR = 1;

    private final TestLine machine = new TestLine();
    private final TestLine supervisor = new TestLine();
    private final Plic plic = new Plic(List.of(machine, supervisor));

    private void enable(int context, int source, int priority) {
        plic.store(4 * source, 4, priority);
        int word = 0x2000 + 0x80 * context + source / 32 * 4;
        plic.store(word, 4, plic.load(word, 4) | 1L << source % 32);
    }

    private long claim(int context) {
        return plic.load(0x20_0004 + 0x1000 * context, 4);
    }

    private void complete(int context, long source) {
        plic.store(0x20_0004 + 0x1000 * context, 4, source);
    }

    @Test
    void anEnabledSourceRaisesOnlyTheContextsThatEnableIt() {
        enable(SUPERVISOR, 10, 1);

        plic.source(10).drive(true);

        assertTrue(supervisor.isHigh());
        assertFalse(machine.isHigh());
    }

    @Test
    void aSourceOfPriorityZeroNeverInterrupts() {
        enable(SUPERVISOR, 10, 0);

        plic.source(10).drive(true);

        assertFalse(supervisor.isHigh());
        assertEquals(0, claim(SUPERVISOR));
    }

    @Test
    void theThresholdMasksUpToItsOwnPriority() {
        enable(SUPERVISOR, 10, 3);
        plic.store(0x20_1000, 4, 3);

        plic.source(10).drive(true);
        assertFalse(supervisor.isHigh());

        plic.store(0x20_1000, 4, 2);
        assertTrue(supervisor.isHigh());
    }

    @Test
    void aClaimTakesTheHighestPriorityAndAmongEqualsTheLowestNumber() {
        enable(SUPERVISOR, 40, 5);
        enable(SUPERVISOR, 7, 5);
        enable(SUPERVISOR, 3, 1);
        for (int source : new int[] {40, 7, 3}) {
            plic.source(source).drive(true);
        }

        assertEquals(7, claim(SUPERVISOR));
        assertEquals(40, claim(SUPERVISOR));
        assertEquals(3, claim(SUPERVISOR));
        assertEquals(0, claim(SUPERVISOR));
        assertFalse(supervisor.isHigh());
    }

    @Test
    void aLineThatStaysHighInterruptsAgainOnlyAfterCompletion() {
        enable(SUPERVISOR, 10, 1);
        plic.source(10).drive(true);

        assertEquals(10, claim(SUPERVISOR));
        assertFalse(supervisor.isHigh());
        assertEquals(0, claim(SUPERVISOR));

        complete(SUPERVISOR, 10);
        assertTrue(supervisor.isHigh());
    }

    @Test
    void aLineThatFellBeforeTheCompletionIsQuiet() {
        enable(SUPERVISOR, 10, 1);
        plic.source(10).drive(true);
        claim(SUPERVISOR);
        plic.source(10).drive(false);

        complete(SUPERVISOR, 10);

        assertFalse(supervisor.isHigh());
    }

    @Test
    void accessesOutsideOfTheImplementedRegistersDoNothing() {
        for (int offset = 0; offset < Plic.SIZE_BYTES; offset += 0x7fc) {
            plic.store(offset & ~3, 4, -1);
            plic.load(offset & ~3, 4);
            plic.load(offset & ~7, 8);
        }
        plic.store((int) Plic.SIZE_BYTES - 4, 4, -1);

        assertEquals(0, plic.load(0, 4));
        assertEquals(0, plic.load(0x2000, 4) & 1);
    }

    @Test
    void aStateRestoredElsewhereGoesOnThere() throws IOException {
        enable(SUPERVISOR, 10, 1);
        enable(SUPERVISOR, 8, 2);
        plic.source(10).drive(true);
        plic.source(8).drive(true);
        assertEquals(8, claim(SUPERVISOR));
        var bytes = new ByteArrayOutputStream();
        plic.capture(new DataOutputStream(bytes));

        var line = new TestLine();
        var other = new Plic(List.of(new TestLine(), line));
        other.restore(new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));

        assertTrue(line.isHigh());
        assertEquals(10, other.load(0x20_1004, 4));
        other.store(0x20_1004, 4, 8);
        assertEquals(8, other.load(0x20_1004, 4));
    }

    @Test
    void aStateOfAnotherNumberOfContextsIsRefused() throws IOException {
        var bytes = new ByteArrayOutputStream();
        plic.capture(new DataOutputStream(bytes));
        var in = new DataInputStream(new ByteArrayInputStream(bytes.toByteArray()));

        assertThrows(IOException.class, () -> new Plic(List.of(machine)).restore(in));
    }
}
