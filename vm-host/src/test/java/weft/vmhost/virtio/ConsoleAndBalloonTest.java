package weft.vmhost.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import weft.vmhost.device.SerialConsole;
import weft.vmhost.device.TestLine;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.balloon.VirtioBalloon;
import weft.vmhost.virtio.console.VirtioConsole;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

class ConsoleAndBalloonTest {
    private static final long RAM = DriverSide.RAM;
    private static final long RAM_BYTES = 4 << 20;

    private final GuestMemory memory = new GuestMemory(RAM, RAM_BYTES);
    private final DriverSide.HandLoop loop = new DriverSide.HandLoop();
    private final SerialConsole terminal = new SerialConsole();
    private final VirtioBalloon balloon = new VirtioBalloon(memory);
    private final TestLine line = new TestLine();

    private DriverSide driver(VirtioDevice device) {
        return new DriverSide(memory, transport(device), 8);
    }

    private VirtioMmio transport(VirtioDevice device) {
        return new VirtioMmio("virtio0", VirtioForm.MODERN, memory, line, loop, device);
    }

    @AfterEach
    void free() {
        memory.close();
    }

    private String printed() throws InterruptedException {
        var bytes = new byte[100];
        SerialConsole.Chunk chunk = terminal.read(0, bytes, Duration.ofMillis(1));
        return new String(bytes, 0, chunk.lengthBytes(), StandardCharsets.US_ASCII);
    }

    private static ByteBuffer ascii(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
    }

    @Test
    void whatTheGuestPrintsComesToTheTerminal() throws InterruptedException {
        DriverSide driver = driver(new VirtioConsole(terminal));
        driver.begin(0, 2);
        memory.write(RAM, ascii("hello"));
        driver.descriptor(1, 0, RAM, 5, 0, 0);
        driver.offer(1, 0);
        loop.runAll();
        driver.register(0x108, '!');

        assertEquals("hello!", printed());
        assertEquals(1, driver.usedIndex(1));
    }

    @Test
    void whatIsTypedWaitsForTheGuestsRoom() {
        DriverSide driver = driver(new VirtioConsole(terminal));
        driver.begin(0, 2);
        terminal.type(ascii("abcdef").array(), 0, 6);
        loop.runAll();
        for (int i = 0; i < 2; i++) {
            driver.descriptor(0, i, RAM + 16L * i, 4, DriverSide.WRITE, 0);
            driver.offer(0, i);
        }
        loop.runAll();

        assertEquals(2, driver.usedIndex(0));
        assertEquals(4, driver.usedLength(0, 0));
        assertEquals(2, driver.usedLength(0, 1));
        assertEquals('e', memory.load8(RAM + 16));
    }

    private void name(DriverSide driver, int queue, long... addresses) {
        for (int i = 0; i < addresses.length; i++) {
            memory.store32(RAM + 4L * i, (int) (addresses[i] >>> 12));
        }
        driver.descriptor(queue, 0, RAM, 4L * addresses.length, 0, 0);
        driver.offer(queue, 0);
        loop.runAll();
    }

    @Test
    void pagesInTheBalloonGoBackToTheHostAndComeBackZero() {
        DriverSide driver = driver(balloon);
        driver.begin(1, 2);
        long page = RAM + 0x20_0000;
        memory.store64(page, 0x1234);
        memory.store64(page + 4096, 0x5678);
        memory.startDirtyTracking();
        name(driver, 0, page);

        assertEquals(0, memory.load64(page));
        assertEquals(0x5678, memory.load64(page + 4096));
        assertEquals(1, balloon.freedPages());
        assertTrue(memory.drainDirty().contains(page), "its content has changed");
        name(driver, 1, page);
        memory.store64(page, 1);
        assertEquals(1, memory.load64(page));
        assertEquals(1, driver.usedIndex(1));
    }

    @Test
    void pagesOutsideOfRamAreRefusedAndCounted() {
        DriverSide driver = driver(balloon);
        driver.begin(1, 2);
        name(driver, 0, 0, RAM - 4096, RAM + RAM_BYTES, 0xffff_f000L);

        assertEquals(0, balloon.freedPages());
        assertEquals(4, balloon.refusedPages());
        assertFalse(driver.needsReset());
    }

    @Test
    void aRequestOfTooManyPagesIsABreach() {
        DriverSide driver = driver(balloon);
        driver.begin(1, 2);
        driver.descriptor(0, 0, RAM, 4L * (VirtioBalloon.REQUEST_PAGES_MAX + 1), 0, 0);
        driver.offer(0, 0);
        loop.runAll();

        assertTrue(driver.needsReset());
        assertEquals(0, balloon.freedPages());
    }

    @Test
    void theTargetIsToldAndTheStateTravels() throws IOException {
        VirtioMmio transport = transport(balloon);
        var driver = new DriverSide(memory, transport, 8);
        driver.begin(1, 2);
        balloon.setTarget(1 << 20);
        assertTrue(line.isHigh(), "configuration change");
        assertEquals(256, driver.register(0x100));
        driver.register(0x104, 99);
        assertEquals(99 * 4096, balloon.givenBytes());
        balloon.setTarget(Long.MAX_VALUE);
        assertEquals(1024, driver.register(0x100), "no more than there is");

        transport.pause();
        var state = new ByteArrayOutputStream();
        transport.capture(new DataOutputStream(state));
        var other = new VirtioBalloon(memory);
        transport(other)
                .restore(new DataInputStream(new ByteArrayInputStream(state.toByteArray())));
        assertEquals(99 * 4096, other.givenBytes());
    }
}
