package weft.vmhost.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import weft.vmhost.device.TestLine;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.rng.VirtioEntropy;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

class VirtioEntropyTest {
    private static final long RAM = DriverSide.RAM;
    private static final int REQUEST_BYTES_MAX = 4096;

    private final GuestMemory memory = new GuestMemory(RAM, 4 << 20);
    private final DriverSide.HandLoop loop = new DriverSide.HandLoop();
    private final List<Runnable> timers = new ArrayList<>();
    private final TestLine line = new TestLine();
    private final DriverSide driver =
            new DriverSide(
                    memory,
                    new VirtioMmio(
                            "virtio0",
                            VirtioForm.MODERN,
                            memory,
                            line,
                            loop,
                            new VirtioEntropy(
                                    this::next,
                                    (_, task) -> {
                                        timers.add(task);
                                        return () -> timers.remove(task);
                                    })),
                    8);

    private int given;

    /// 1, 2, 3 and so on, never 0: what was given once does not come again soon.
    private void next(byte[] bytes) {
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = octet(given++);
        }
    }

    private static byte octet(int position) {
        return (byte) (position % 251 + 1);
    }

    @AfterEach
    void free() {
        memory.close();
    }

    private void assertGiven(int from, long address, int length) {
        var bytes = new byte[length + 1];
        memory.read(address, ByteBuffer.wrap(bytes));
        for (int i = 0; i < length; i++) {
            assertEquals(octet(from + i), bytes[i], "byte " + i);
        }
        assertEquals(0, bytes[length], "behind the buffer");
    }

    private void ask(long address, int length) {
        driver.descriptor(0, 0, address, length, DriverSide.WRITE, 0);
        driver.offer(0, 0);
        loop.runAll();
    }

    @Test
    void allBuffersOfAChainAreFilledAndNothingBehindThem() {
        driver.begin(0, 1);
        int[] lengths = {10, 1, 61};
        for (int i = 0; i < lengths.length; i++) {
            boolean last = i == lengths.length - 1;
            int flags = DriverSide.WRITE | (last ? 0 : DriverSide.NEXT);
            driver.descriptor(0, i, RAM + 0x100L * i, lengths[i], flags, i + 1);
        }
        driver.offer(0, 0);
        loop.runAll();

        assertEquals(1, driver.usedIndex(0));
        assertEquals(72, driver.usedLength(0, 0));
        assertEquals(72, given);
        assertGiven(0, RAM, 10);
        assertGiven(10, RAM + 0x100, 1);
        assertGiven(11, RAM + 0x200, 61);
        assertTrue(line.isHigh());
    }

    @Test
    void noByteIsGivenTwice() {
        driver.begin(0, 1);
        for (int i = 0; i < 20; i++) {
            ask(RAM + 0x100L * i, 100);
            assertEquals(i + 1, driver.usedIndex(0));
        }
        for (int i = 0; i < 20; i++) {
            assertGiven(100 * i, RAM + 0x100L * i, 100);
        }
    }

    @Test
    void aRequestHasABoundAndTellsHowMuchItGot() {
        driver.begin(0, 1);
        ask(RAM, 3 * REQUEST_BYTES_MAX);
        assertEquals(REQUEST_BYTES_MAX, driver.usedLength(0, 0));
        assertGiven(0, RAM, REQUEST_BYTES_MAX);
    }

    @Test
    void aGreedyDriverWaitsForTheNextPeriod() {
        driver.begin(0, 1);
        int requests = VirtioEntropy.BYTES_PER_PERIOD / REQUEST_BYTES_MAX;
        int answered = 0;
        for (int period = 1; period <= 3; period++) {
            while (answered < period * requests) {
                ask(RAM, REQUEST_BYTES_MAX);
                answered++;
                assertEquals(answered, driver.usedIndex(0));
            }
            ask(RAM, REQUEST_BYTES_MAX);
            assertEquals(answered, driver.usedIndex(0), "waits");
            assertEquals(answered * REQUEST_BYTES_MAX, given);

            assertEquals(1, timers.size());
            timers.removeFirst().run();
            loop.runAll();
            answered++;
            assertEquals(answered, driver.usedIndex(0));
        }
    }

    /// A request for nothing costs time as well.
    @Test
    void requestsForNothingAreBoundedToo() {
        driver.begin(0, 1);
        int answered = 0;
        do {
            ask(RAM, 0);
            answered++;
        } while (driver.usedIndex(0) == answered && answered < VirtioEntropy.BYTES_PER_PERIOD);
        assertEquals(VirtioEntropy.BYTES_PER_PERIOD / 64, driver.usedIndex(0));
    }

    @Test
    void aChainWithoutRoomGetsNothing() {
        driver.begin(0, 1);
        memory.store64(RAM, -1);
        driver.descriptor(0, 0, RAM, 8, 0, 0);
        driver.offer(0, 0);
        loop.runAll();
        assertEquals(1, driver.usedIndex(0));
        assertEquals(0, driver.usedLength(0, 0));
        assertEquals(-1, memory.load64(RAM));
        assertEquals(0, given);
        assertFalse(driver.needsReset());
    }
}
