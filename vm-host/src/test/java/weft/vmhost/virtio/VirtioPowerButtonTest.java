package weft.vmhost.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import weft.vmhost.device.TestLine;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.input.VirtioPowerButton;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

class VirtioPowerButtonTest {
    private static final long RAM = DriverSide.RAM;
    private static final int CONFIGURATION = 0x100;

    /// Down, report, up, report; as numbers of 8 bytes.
    private static final List<Long> PRESS =
            List.of(0x0000_0001_0074_0001L, 0L, 0x0000_0000_0074_0001L, 0L);

    private final GuestMemory memory = new GuestMemory(RAM, 4 << 20);
    private final DriverSide.HandLoop loop = new DriverSide.HandLoop();
    private final TestLine line = new TestLine();
    private final VirtioPowerButton button = new VirtioPowerButton();
    private final VirtioMmio transport = transport(button);
    private final DriverSide driver = new DriverSide(memory, transport, 8);

    private VirtioMmio transport(VirtioDevice device) {
        return new VirtioMmio("virtio0", VirtioForm.MODERN, memory, line, loop, device);
    }

    @AfterEach
    void free() {
        memory.close();
    }

    private void offer(int from, int to) {
        for (int i = from; i < to; i++) {
            memory.store64(RAM + 8L * i, -1);
            driver.descriptor(0, i, RAM + 8L * i, 8, DriverSide.WRITE, 0);
            driver.offer(0, i);
        }
        loop.runAll();
    }

    private List<Long> heard() {
        List<Long> events = new ArrayList<>();
        for (int i = 0; i < driver.usedIndex(0); i++) {
            assertEquals(8, driver.usedLength(0, i));
            events.add(memory.load64(RAM + 8L * driver.usedHead(0, i)));
        }
        return events;
    }

    @Test
    void aPressIsKeyPowerDownAndUp() {
        driver.begin(0, 2);
        offer(0, 8);
        assertEquals(List.of(), heard());
        assertTrue(button.press());
        loop.runAll();
        assertEquals(PRESS, heard());
        assertTrue(line.isHigh());
    }

    @Test
    void withoutADriverNobodyHearsAndNothingIsKept() {
        assertFalse(button.press());
        driver.begin(0, 2);
        offer(0, 8);
        assertEquals(List.of(), heard());
        transport.store(0x70, 4, 0);
        assertFalse(button.press());
    }

    @Test
    void aDriverThatBrokeARuleDoesNotHear() {
        driver.begin(0, 2);
        driver.descriptor(0, 0, 0x10, 8, DriverSide.WRITE, 0);
        driver.offer(0, 0);
        assertTrue(button.press());
        loop.runAll();
        assertTrue(driver.needsReset());
        assertFalse(button.press());
    }

    @Test
    void aPressWaitsForTheGuestsRoomAndTheNextIsTheSame() {
        driver.begin(0, 2);
        assertTrue(button.press());
        offer(0, 1);
        assertTrue(button.press());
        offer(1, 8);
        assertEquals(PRESS, heard());
    }

    @Test
    void whatTheGuestTellsAndBuffersTooSmallDoNoHarm() {
        driver.begin(0, 2);
        driver.descriptor(1, 0, RAM, 8, 0, 0);
        driver.offer(1, 0);
        driver.descriptor(0, 0, RAM, 3, DriverSide.WRITE, 0);
        driver.offer(0, 0);
        button.press();
        loop.runAll();
        assertEquals(1, driver.usedIndex(1));
        assertEquals(3, driver.usedLength(0, 0));
        assertFalse(driver.needsReset());
    }

    private int config(int offset) {
        return (int) transport.load(CONFIGURATION + offset, 1);
    }

    private int sizeOf(int select, int subselect) {
        transport.store(CONFIGURATION, 1, select);
        transport.store(CONFIGURATION + 1, 1, subselect);
        return config(2);
    }

    @Test
    void theConfigurationSaysThatThereIsOneKey() {
        assertEquals(12, sizeOf(0x01, 0));
        assertEquals('P', config(8));
        assertEquals('n', config(8 + 11));
        assertEquals(0, config(8 + 12));
        assertEquals(8, sizeOf(0x03, 0));
        assertEquals(15, sizeOf(0x11, 1));
        for (int i = 0; i < 15; i++) {
            assertEquals(i == 14 ? 0x10 : 0, config(8 + i));
        }
        for (int other : new int[] {0x00, 0x02, 0x10, 0x12, 0xff}) {
            assertEquals(0, sizeOf(other, 0));
        }
        assertEquals(0, sizeOf(0x11, 2));
        assertEquals(0, config(0xe00));
    }

    @Test
    void anUnheardPressTravels() throws IOException {
        driver.begin(0, 2);
        offer(0, 1);
        button.press();
        loop.runAll();
        byte[] state = captured();
        var other = new VirtioPowerButton();
        VirtioMmio there = transport(other);
        there.restore(input(state));
        there.resume();
        for (int i = 1; i < 4; i++) {
            driver.descriptor(0, i, RAM + 8L * i, 8, DriverSide.WRITE, 0);
        }
        memory.store64(DriverSide.availableRing(0) + 4, 0x0003_0002_0001_0000L);
        memory.store16(DriverSide.availableRing(0) + 2, 4);
        there.store(0x50, 4, 0);
        loop.runAll();
        assertEquals(PRESS, heard());
        assertTrue(other.press());
    }

    @Test
    void aStateThatCannotBeIsRefused() throws IOException {
        byte[] state = captured();
        state[state.length - 1] = 5;
        assertThrows(
                IOException.class, () -> transport(new VirtioPowerButton()).restore(input(state)));
    }

    private byte[] captured() throws IOException {
        transport.pause();
        var bytes = new ByteArrayOutputStream();
        transport.capture(new DataOutputStream(bytes));
        return bytes.toByteArray();
    }

    private static DataInputStream input(byte[] bytes) {
        return new DataInputStream(new ByteArrayInputStream(bytes));
    }
}
