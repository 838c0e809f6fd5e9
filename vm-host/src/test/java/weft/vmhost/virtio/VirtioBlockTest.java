package weft.vmhost.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import weft.fixtures.MemoryVolume;
import weft.vmhost.device.TestLine;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.block.VirtioBlock;
import weft.volume.VolumeException;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

class VirtioBlockTest {
    private static final long RAM = DriverSide.RAM;
    private static final long HEADER = RAM;
    private static final long CONTENT = RAM + 0x1000;
    private static final long STATUS = RAM + 0x800;
    private static final int UNANSWERED = 0xee;

    private final GuestMemory memory = new GuestMemory(RAM, 4 << 20);
    private final DriverSide.HandLoop loop = new DriverSide.HandLoop();
    private final TestLine line = new TestLine();
    private final MemoryVolume volume = new MemoryVolume(1 << 20, false);
    private final List<Runnable> timers = new ArrayList<>();
    private final List<VolumeException.Reason> trouble = new ArrayList<>();
    private final VirtioMmio transport = disk(memory, line, volume);
    private final DriverSide driver = new DriverSide(memory, transport, 8);

    private VirtioMmio disk(GuestMemory guest, TestLine interrupt, MemoryVolume backing) {
        return new VirtioMmio(
                "virtio0",
                VirtioForm.MODERN,
                guest,
                interrupt,
                loop,
                new VirtioBlock(
                        backing,
                        "disk-serial",
                        (_, e) -> trouble.add(e.reason()),
                        (_, task) -> {
                            timers.add(task);
                            return () -> timers.remove(task);
                        }));
    }

    @AfterEach
    void free() {
        memory.close();
    }

    /// A request with descriptors 3·slot…, header and status of its own.
    private void request(int slot, int type, long sector, int length, boolean toGuest) {
        long header = HEADER + 16L * slot;
        memory.store32(header, type);
        memory.store64(header + 8, sector);
        memory.store8(STATUS + slot, UNANSWERED);
        int first = 3 * slot;
        driver.descriptor(
                0, first, header, 16, DriverSide.NEXT, length == 0 ? first + 2 : first + 1);
        driver.descriptor(
                0,
                first + 1,
                CONTENT + 0x1000L * slot,
                length,
                DriverSide.NEXT | (toGuest ? DriverSide.WRITE : 0),
                first + 2);
        driver.descriptor(0, first + 2, STATUS + slot, 1, DriverSide.WRITE, 0);
        driver.offer(0, first);
        loop.runAll();
    }

    private int status(int slot) {
        return memory.load8(STATUS + slot);
    }

    private void fill(int slot, int octet, int length) {
        var bytes = new byte[length];
        Arrays.fill(bytes, (byte) octet);
        memory.write(CONTENT + 0x1000L * slot, ByteBuffer.wrap(bytes));
    }

    /// The driver is told (virtio 1.2, 5.2.5: capacity may change), and what is beyond the new end
    /// is refused.
    @Test
    void aNewSizeIsTheNewCapacity() {
        driver.begin(0, 1);
        long sectors = (1 << 20) / 512;
        assertEquals(sectors, capacity());
        long generation = transport.load(0xfc, 4);
        volume.resize(512 << 10);
        assertTrue(line.isHigh());
        assertEquals(2, transport.load(0x60, 4), "a configuration change");
        assertTrue(transport.load(0xfc, 4) != generation);
        assertEquals(sectors / 2, capacity());
        request(0, 0, sectors / 2 - 1, 512, true);
        request(1, 0, sectors / 2, 512, true);
        assertEquals(0, status(0));
        assertEquals(1, status(1));
        volume.resize(1 << 20);
        assertEquals(sectors, capacity());
        request(1, 0, sectors / 2, 512, true);
        assertEquals(0, status(1));
    }

    private long capacity() {
        return transport.load(0x100, 4) | transport.load(0x104, 4) << 32;
    }

    @Test
    void whatIsWrittenIsReadBack() {
        driver.begin(0, 1);
        fill(0, 0x5a, 1024);
        request(0, 1, 3, 1024, false);
        request(1, 0, 4, 512, true);

        assertEquals(0, status(0));
        assertEquals(0, status(1));
        assertEquals(0x5a, volume.bytes()[3 * 512]);
        assertEquals(0x5a, memory.load8(CONTENT + 0x1000 + 511));
        assertEquals(2, driver.usedIndex(0));
        assertEquals(1, driver.usedLength(0, 0));
        assertEquals(513, driver.usedLength(0, 1));
        assertTrue(line.isHigh());
    }

    @Test
    void requestsAreAnsweredInTheOrderTheVolumeDoes() {
        driver.begin(0, 1);
        volume.hold();
        request(0, 4, 0, 0, false);
        assertEquals(0, driver.usedIndex(0));
        assertEquals(1, volume.heldCount());
        request(1, 8, 0, 20, true);

        assertEquals(1, driver.usedIndex(0));
        assertEquals(3, driver.usedHead(0, 0));
        assertEquals('d', memory.load8(CONTENT + 0x1000));
        volume.release();
        loop.runAll();
        assertEquals(2, driver.usedIndex(0));
        assertEquals(0, status(0));
        assertEquals(1, volume.flushCount());
    }

    @Test
    void rangesBeyondTheDiskOrOfAnOddLengthAreIoErrors() {
        long[][] ranges = {{2048, 512}, {2047, 1024}, {-1, 512}, {0, 100}, {Long.MAX_VALUE, 512}};
        for (long[] range : ranges) {
            driver.begin(0, 1);
            request(0, 0, range[0], (int) range[1], true);
            assertEquals(1, status(0), Arrays.toString(range));
            request(1, 1, range[0], (int) range[1], false);
            assertEquals(1, status(1), Arrays.toString(range));
        }
        assertFalse(driver.needsReset());
    }

    @Test
    void unknownRequestsAreUnsupported() {
        driver.begin(0, 1);
        request(0, 77, 0, 512, true);

        assertEquals(2, status(0));
    }

    @Test
    void discardAndWriteZeroesClearTheirRange() {
        Arrays.fill(volume.bytes(), (byte) 1);
        driver.begin(0, 1);
        memory.store64(CONTENT, 2);
        memory.store32(CONTENT + 8, 1);
        memory.store32(CONTENT + 12, 0);
        request(0, 13, 0, 16, false);
        memory.store64(CONTENT + 0x1000, 5);
        memory.store32(CONTENT + 0x1008, 2);
        memory.store32(CONTENT + 0x100c, 0);
        request(1, 11, 0, 16, false);

        assertEquals(0, status(0));
        assertEquals(0, status(1));
        assertEquals(1, volume.bytes()[2 * 512 - 1]);
        assertEquals(0, volume.bytes()[2 * 512]);
        assertEquals(1, volume.bytes()[3 * 512]);
        assertEquals(0, volume.bytes()[7 * 512 - 1]);
    }

    @Test
    void aFencedVolumeIsNeverAnIoError() {
        driver.begin(0, 1);
        volume.failWith(VolumeException.Reason.FENCED);
        request(0, 0, 0, 512, true);

        assertEquals(UNANSWERED, status(0));
        assertEquals(List.of(VolumeException.Reason.FENCED), trouble);
        assertFalse(transport.isIdle());
    }

    @Test
    void aFullPoolIsAskedAgainUntilThereIsRoom() {
        driver.begin(0, 1);
        fill(0, 7, 512);
        volume.failWith(VolumeException.Reason.NO_SPACE);
        request(0, 1, 0, 512, false);
        assertEquals(UNANSWERED, status(0));

        volume.failWith(null);
        timers.removeFirst().run();
        loop.runAll();

        assertEquals(0, status(0));
        assertEquals(7, volume.bytes()[511]);
    }

    @Test
    void anAnswerThatComesAfterAResetIsDropped() {
        driver.begin(0, 1);
        volume.hold();
        request(0, 0, 0, 512, true);
        driver.begin(0, 1);
        volume.release();
        loop.runAll();

        assertEquals(UNANSWERED, status(0));
        assertEquals(0, driver.usedIndex(0));
        assertTrue(transport.isIdle());
    }

    @Test
    void nothingIsAnsweredWhilePausedAndEverythingAfterwards() {
        driver.begin(0, 1);
        volume.hold();
        request(0, 0, 0, 512, true);
        transport.pause();
        volume.release();
        loop.runAll();
        request(1, 0, 0, 512, true);
        assertEquals(0, driver.usedIndex(0));

        transport.resume();
        loop.runAll();

        assertEquals(2, driver.usedIndex(0));
        assertEquals(0, status(0));
        assertEquals(0, status(1));
    }

    @Test
    void requestsInFlightTravelWithTheStateAndAreDoneAtTheOtherEnd() throws IOException {
        driver.begin(0, 1);
        fill(0, 0x42, 512);
        volume.hold();
        request(0, 1, 9, 512, false);
        transport.pause();
        var state = new ByteArrayOutputStream();
        transport.capture(new DataOutputStream(state));

        var backing = new MemoryVolume(1 << 20, false);
        var otherLine = new TestLine();
        VirtioMmio other = disk(memory, otherLine, backing);
        other.restore(new DataInputStream(new ByteArrayInputStream(state.toByteArray())));
        assertEquals(0, backing.bytes()[9 * 512]);
        other.resume();
        loop.runAll();

        assertEquals(0x42, backing.bytes()[9 * 512]);
        assertEquals(0, status(0));
        assertEquals(1, driver.usedIndex(0));
        assertTrue(otherLine.isHigh());
        var after = new DriverSide(memory, other, 8);
        assertEquals(15, after.register(0x70));
    }

    /// One head in each of two queues: two requests, each answered in its own queue, here or after
    /// a move.
    @Test
    void queuesAreServedEachForItself() throws IOException {
        var guest = severalQueues(volume);
        var twoQueues = new DriverSide(memory, guest, 8);
        assertEquals(2, guest.load(0x122, 2), "num_queues");
        twoQueues.begin(1L << 12, 2);
        fill(0, 0x11, 512);
        fill(1, 0x22, 512);
        volume.hold();
        for (int queue = 0; queue < 2; queue++) {
            memory.store32(HEADER + 16L * queue, 1);
            memory.store64(HEADER + 16L * queue + 8, queue);
            memory.store8(STATUS + queue, UNANSWERED);
            twoQueues.descriptor(queue, 0, HEADER + 16L * queue, 16, DriverSide.NEXT, 1);
            twoQueues.descriptor(queue, 1, CONTENT + 0x1000L * queue, 512, DriverSide.NEXT, 2);
            twoQueues.descriptor(queue, 2, STATUS + queue, 1, DriverSide.WRITE, 0);
            twoQueues.offer(queue, 0);
        }
        loop.runAll();
        assertEquals(2, volume.heldCount());
        guest.pause();
        var state = new ByteArrayOutputStream();
        guest.capture(new DataOutputStream(state));

        var backing = new MemoryVolume(1 << 20, false);
        VirtioMmio other = severalQueues(backing);
        other.restore(new DataInputStream(new ByteArrayInputStream(state.toByteArray())));
        other.resume();
        loop.runAll();

        assertEquals(List.of(0, 0), List.of(status(0), status(1)));
        assertEquals(1, twoQueues.usedIndex(0));
        assertEquals(1, twoQueues.usedIndex(1));
        assertEquals(0x11, backing.bytes()[0]);
        assertEquals(0x22, backing.bytes()[512]);
    }

    private VirtioMmio severalQueues(MemoryVolume backing) {
        var disk = new VirtioBlock(backing, "disk", (_, _) -> {}, (_, _) -> () -> {}, 2);
        return new VirtioMmio("virtio0", VirtioForm.MODERN, memory, line, loop, disk);
    }

    /// deviceId 4 · status 1 · feature words 4 4 · features 8 · queue 4 · interrupt 4 · generation
    /// 4 · the queue 34 · in flight: count 4, head 2 each.
    @Test
    void aStateOfVersion1IsTakenOver() throws IOException {
        driver.begin(0, 1);
        fill(0, 0x42, 512);
        volume.hold();
        request(0, 1, 9, 512, false);
        transport.pause();
        var bytes = new ByteArrayOutputStream();
        var out = new DataOutputStream(bytes);
        out.writeInt(2);
        out.writeByte(15);
        out.writeLong(0);
        out.writeLong(VirtioMmio.FEATURE_VERSION_1);
        out.writeInt(0);
        out.writeInt(1);
        out.writeInt(0);
        transport.queue(0).capture(out);
        out.writeInt(1);
        out.writeShort(0);

        var backing = new MemoryVolume(1 << 20, false);
        VirtioMmio other = severalQueues(backing);
        other.restore(1, new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));
        other.resume();
        loop.runAll();

        assertEquals(0x42, backing.bytes()[9 * 512]);
        assertEquals(0, status(0));
        assertEquals(1, driver.usedIndex(0));
    }

    @Test
    void aWriteThatIsStillOnItsWayIsNotRepeatedAfterAPause() {
        driver.begin(0, 1);
        volume.hold();
        request(0, 1, 9, 512, false);
        transport.pause();
        transport.resume();
        loop.runAll();

        assertEquals(1, volume.heldCount());
    }

    @Test
    void aPauseLastsThoughTheDeviceHadNotGoneOnFromTheOneBefore() {
        driver.begin(0, 1);
        for (Runnable resume : List.<Runnable>of(transport::resume, transport::resumeSettled)) {
            int answered = driver.usedIndex(0);
            transport.pause();
            resume.run();
            transport.pause();
            loop.runAll();
            request(answered, 0, 0, 512, true);
            loop.runAll();
            assertEquals(answered, driver.usedIndex(0));

            resume.run();
            loop.runAll();
            assertEquals(answered + 1, driver.usedIndex(0));
        }
    }
}
