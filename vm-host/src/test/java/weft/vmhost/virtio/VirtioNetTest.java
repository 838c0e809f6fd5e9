package weft.vmhost.virtio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import weft.fabric.MacAddress;
import weft.vmhost.device.TestLine;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.net.CompletingPort;
import weft.vmhost.virtio.net.VirtioNet;
import weft.vswitch.port.SwitchPort;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

class VirtioNetTest {
    private static final long RAM = DriverSide.RAM;
    private static final long CONTROL_FEATURES = 1L << 17 | 1L << 21;

    private final GuestMemory memory = new GuestMemory(RAM, 4 << 20);
    private final DriverSide.HandLoop loop = new DriverSide.HandLoop();
    private final VirtioNet nic = new VirtioNet(MacAddress.parse("52:54:00:12:34:56"), 1500);
    private final VirtioMmio transport =
            new VirtioMmio("virtio0", VirtioForm.MODERN, memory, new TestLine(), loop, nic);
    private final DriverSide driver = new DriverSide(memory, transport, 8);
    private final List<byte[]> sent = new ArrayList<>();

    private final SwitchPort port =
            new CompletingPort() {
                @Override
                public void transmit(byte[] frame, int offset, int lengthBytes) {
                    sent.add(Arrays.copyOfRange(frame, offset, offset + lengthBytes));
                }
            };

    @AfterEach
    void free() {
        memory.close();
    }

    private static byte[] frame(int length) {
        var frame = new byte[length];
        for (int i = 0; i < length; i++) {
            frame[i] = (byte) i;
        }
        return frame;
    }

    @Test
    void aTransmittedFrameReachesTheSwitchWithoutItsHeader() {
        nic.plug(port);
        driver.begin(0, 3);
        memory.write(RAM + 12, ByteBuffer.wrap(frame(60)));
        driver.descriptor(1, 0, RAM, 12 + 60, 0, 0);
        driver.offer(1, 0);
        loop.runAll();

        assertEquals(1, sent.size());
        assertArrayEquals(frame(60), sent.getFirst());
        assertEquals(1, driver.usedIndex(1));
    }

    @Test
    void framesWithoutACableAreAnsweredAndCounted() {
        driver.begin(0, 3);
        driver.descriptor(1, 0, RAM, 72, 0, 0);
        driver.offer(1, 0);
        loop.runAll();

        assertEquals(1, driver.usedIndex(1));
        assertEquals(1, nic.droppedFrames());
    }

    @Test
    void aFrameFromTheSwitchIsDeliveredBehindAHeader() {
        driver.begin(0, 3);
        driver.descriptor(0, 0, RAM, 1526, DriverSide.WRITE, 0);
        driver.offer(0, 0);
        nic.receive(frame(80), 0, 80);
        loop.runAll();

        assertEquals(92, driver.usedLength(0, 0));
        assertEquals(1, memory.load16(RAM + 10));
        var delivered = ByteBuffer.allocate(80);
        memory.read(RAM + 12, delivered);
        assertArrayEquals(frame(80), delivered.array());
    }

    private static final long MERGEABLE = 1L << 15;

    @Test
    void aFrameIsSpreadOverMergeableBuffers() {
        driver.begin(MERGEABLE, 3);
        for (int i = 0; i < 3; i++) {
            driver.descriptor(0, i, RAM + 0x100L * i, 40, DriverSide.WRITE, 0);
        }
        driver.offer(0, 0);
        nic.receive(frame(80), 0, 80);
        loop.runAll();
        assertEquals(0, driver.usedIndex(0), "one buffer of 40 is too small, so the frame waits");

        driver.offer(0, 1);
        driver.offer(0, 2);
        loop.runAll();

        assertEquals(3, driver.usedIndex(0));
        assertEquals(3, memory.load16(RAM + 10), "num_buffers");
        assertEquals(
                List.of(40, 40, 12),
                List.of(driver.usedLength(0, 0), driver.usedLength(0, 1), driver.usedLength(0, 2)));
        assertEquals(0, memory.load8(RAM + 12));
        assertEquals(28, memory.load8(RAM + 0x100));
        assertEquals(79, memory.load8(RAM + 0x200 + 11));
        assertEquals(0, nic.droppedFrames());
    }

    @Test
    void buffersOfNoUseAreGivenBackAndTheFrameIsDropped() {
        driver.begin(MERGEABLE, 3);
        driver.descriptor(0, 0, RAM, 1, DriverSide.WRITE, 0);
        for (int i = 0; i < 8; i++) {
            driver.offer(0, 0);
        }
        nic.receive(frame(80), 0, 80);
        loop.runAll();
        assertEquals(8, driver.usedIndex(0));
        assertEquals(1, nic.droppedFrames());
        assertFalse(driver.needsReset());
        driver.begin(0, 3);
        driver.descriptor(0, 0, RAM, 11, DriverSide.WRITE, 0);
        driver.offer(0, 0);
        nic.receive(frame(80), 0, 80);
        loop.runAll();

        assertEquals(2, nic.droppedFrames());
        assertEquals(0, driver.usedLength(0, 0));
    }

    /// Class and command, then the arguments; answers the acknowledgement.
    private int control(int... bytes) {
        for (int i = 0; i < bytes.length; i++) {
            memory.store8(RAM + 0x8000 + i, bytes[i]);
        }
        memory.store8(RAM + 0x8800, 0xff);
        driver.descriptor(2, 0, RAM + 0x8000, bytes.length, DriverSide.NEXT, 1);
        driver.descriptor(2, 1, RAM + 0x8800, 1, DriverSide.WRITE, 0);
        driver.offer(2, 0);
        loop.runAll();
        return memory.load8(RAM + 0x8800);
    }

    private boolean wants(int... destination) {
        byte[] frame = frame(60);
        for (int i = 0; i < 6; i++) {
            frame[i] = (byte) destination[i];
        }
        long before = nic.filteredFrames();
        nic.receive(frame, 0, 60);
        return nic.filteredFrames() == before;
    }

    @Test
    void theGuestSeesTheFramesItAskedFor() {
        int[] other = {0x52, 0x54, 0, 1, 2, 3};
        int[] group = {0x33, 0x33, 0, 0, 0, 1};
        int[] everybody = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
        int[] own = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
        driver.begin(CONTROL_FEATURES | 1L << 18 | 1L << 23, 3);
        assertTrue(wants(other), "all, until the guest says otherwise");

        assertEquals(0, control(0, 0, 0));
        assertEquals(List.of(false, false), List.of(wants(other), wants(group)));
        assertEquals(List.of(true, true), List.of(wants(own), wants(everybody)));
        assertEquals(0, control(0, 1, 1));
        assertEquals(List.of(false, true), List.of(wants(other), wants(group)));
        assertEquals(0, control(0, 1, 0));
        assertEquals(0, control(1, 0, 1, 0, 0, 0, 0x52, 0x54, 0, 1, 2, 3, 0, 0, 0, 0));
        assertEquals(List.of(true, false), List.of(wants(other), wants(group)));
        assertEquals(0, control(1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x33, 0x33, 0, 0, 0, 1));
        assertEquals(List.of(false, true), List.of(wants(other), wants(group)));
        assertEquals(0, control(1, 1, 2, 0, 0, 0, 0, 7));
        assertEquals(List.of(false, true), List.of(wants(own), wants(2, 0, 0, 0, 0, 7)));
        assertEquals(7, transport.load(0x105, 1));

        driver.begin(0, 3);
        assertTrue(wants(other), "a reset forgets");
        assertEquals(0x56, transport.load(0x105, 1));
    }

    @Test
    void controlCommandsThatAreNoneAreRefused() {
        driver.begin(CONTROL_FEATURES | 1L << 18 | 1L << 23, 3);
        assertEquals(1, control(0, 0), "no argument");
        assertEquals(1, control(0, 7, 1));
        assertEquals(1, control(1, 1, 0x33, 0, 0, 0, 0, 7), "a group is no station");
        assertEquals(1, control(1, 0, 3, 0, 0, 0, 1, 2), "a table cut off");
        assertEquals(1, control(9, 0));
        assertEquals(0, control(1, 0, 0xff, 0xff, 0xff, 0xff), "more than are kept: all");
        assertTrue(wants(2, 2, 2, 2, 2, 2));
        assertEquals(0, control(0, 0, 0));
        assertTrue(wants(2, 2, 2, 2, 2, 2), "still all");
        assertEquals(0, control(1, 0, 0, 0, 0, 0, 0, 0, 0, 0));
        assertFalse(wants(2, 2, 2, 2, 2, 2), "none are more, again");
        assertFalse(driver.needsReset());
    }

    @Test
    void framesWaitForRoomAndTooManyAreDroppedAndCounted() {
        driver.begin(0, 3);
        for (int i = 0; i < 400; i++) {
            nic.receive(frame(1500), 0, 1500);
        }
        loop.runAll();
        assertEquals(400 - 344, nic.droppedFrames(), "so many records of 1,520 bytes fit");

        driver.descriptor(0, 0, RAM, 1526, DriverSide.WRITE, 0);
        driver.offer(0, 0);
        loop.runAll();
        assertEquals(1, driver.usedIndex(0));
    }

    @Test
    void framesThatAreTooLongOrTooShortAreDropped() {
        nic.plug(port);
        driver.begin(0, 3);
        nic.receive(frame(1519), 0, 1519);
        nic.receive(frame(13), 0, 13);
        driver.descriptor(1, 0, RAM, 12 + 1519, 0, 0);
        driver.offer(1, 0);
        driver.descriptor(1, 1, RAM, 12 + 13, 0, 0);
        driver.offer(1, 1);
        loop.runAll();

        assertEquals(4, nic.droppedFrames());
        assertEquals(0, sent.size());
        assertEquals(2, driver.usedIndex(1));
        assertFalse(driver.needsReset());
    }

    @Test
    void theConfigurationTellsAddressLinkAndMtu() {
        assertEquals(0x5452, transport.load(0x100, 2));
        assertEquals(0x56, transport.load(0x105, 1));
        assertEquals(0, transport.load(0x106, 2));
        assertEquals(1500, transport.load(0x10a, 2));
        nic.plug(port);
        assertEquals(1, transport.load(0x106, 2));
        nic.plug(null);
        assertEquals(0, transport.load(0x106, 2));
    }

    @Test
    void anAnnouncementIsAskedForUntilTheDriverAcknowledges() {
        driver.begin(CONTROL_FEATURES, 3);
        nic.plug(port);
        nic.announce();
        assertEquals(3, transport.load(0x106, 2));

        memory.store8(RAM, 3);
        memory.store8(RAM + 1, 0);
        driver.descriptor(2, 0, RAM, 2, DriverSide.NEXT, 1);
        driver.descriptor(2, 1, RAM + 8, 1, DriverSide.WRITE, 0);
        memory.store8(RAM + 8, 0xff);
        driver.offer(2, 0);
        loop.runAll();

        assertEquals(0, memory.load8(RAM + 8));
        assertEquals(1, transport.load(0x106, 2));
    }
}
