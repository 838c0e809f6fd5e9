package weft.vmhost.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import weft.fabric.MacAddress;
import weft.fixtures.MemoryVolume;
import weft.vmhost.device.TestLine;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.block.VirtioBlock;
import weft.vmhost.virtio.net.VirtioNet;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;

/// The transport of version 1, driven as Linux and xv6 do.
class LegacyFormTest {
    private static final long RAM = DriverSide.RAM;
    private static final int SIZE = 8;
    private static final long AREA = RAM + 0x1_0000;
    private static final long AVAILABLE = AREA + 16 * SIZE;
    private static final long USED = AREA + 4096;
    private static final long STATUS = RAM + 64;

    private final GuestMemory memory = new GuestMemory(RAM, 4 << 20);
    private final DriverSide.HandLoop loop = new DriverSide.HandLoop();
    private final MemoryVolume volume = new MemoryVolume(1 << 20, false);
    private VirtioMmio transport = disk(VirtioForm.LEGACY);
    private int offered;

    private VirtioMmio disk(VirtioForm form) {
        var disk = new VirtioBlock(volume, "disk", (_, _) -> {}, (_, _) -> () -> {});
        return new VirtioMmio("virtio0", form, memory, new TestLine(), loop, disk);
    }

    @AfterEach
    void free() {
        memory.close();
    }

    private void register(int offset, long value) {
        transport.store(offset, 4, value);
    }

    private long register(int offset) {
        return transport.load(offset, 4);
    }

    private void begin() {
        register(0x70, 0);
        register(0x70, 3);
        register(0x20, register(0x10) & ~(3L << 28));
        register(0x28, 4096);
        register(0x30, 0);
        register(0x38, SIZE);
        register(0x3c, 4096);
        register(0x40, AREA >>> 12);
        register(0x70, 7);
    }

    private void flush() {
        memory.store32(RAM, 4);
        memory.store8(STATUS, 0xee);
        memory.store64(AREA, RAM);
        memory.store32(AREA + 8, 16);
        memory.store32(AREA + 12, DriverSide.NEXT | 1 << 16);
        memory.store64(AREA + 16, STATUS);
        memory.store32(AREA + 24, 1);
        memory.store32(AREA + 28, DriverSide.WRITE);
        memory.store16(AVAILABLE + 4 + 2 * (offered++ & SIZE - 1), 0);
        memory.store16(AVAILABLE + 2, offered);
        register(0x50, 0);
        loop.runAll();
    }

    @Test
    void aLegacyDriverPlacesItsQueueByPageNumber() {
        assertEquals(1, register(4));
        assertEquals(0, register(0x40));
        begin();
        assertEquals(AREA >>> 12, register(0x40));
        assertEquals(7, register(0x70));
        flush();

        assertEquals(0, memory.load8(STATUS));
        assertEquals(1, memory.load16(USED + 2));
        assertEquals(1, volume.flushCount());
    }

    @Test
    void aQueueThatWasTakenBackBeginsAnew() {
        begin();
        flush();
        register(0x40, 0);
        assertEquals(0, register(0x40));
        memory.store16(USED + 2, 0);
        offered = 0;
        register(0x40, AREA >>> 12);
        flush();

        assertEquals(1, memory.load16(USED + 2));
        assertEquals(2, volume.flushCount());
    }

    @Test
    void absurdPagesAndPlacesAreBreaches() {
        long[][] writes = {
            {0x40, 0xffff_ffffL}, {0x40, 1}, {0x28, 0}, {0x28, 3000}, {0x3c, 0}, {0x3c, 1 << 30},
        };
        for (long[] write : writes) {
            register(0x70, 0);
            register(0x28, 4096);
            register(0x3c, 4096);
            register(0x38, SIZE);
            register((int) write[0], write[1]);
            register(0x40, write[0] == 0x40 ? write[1] : AREA >>> 12);
            assertTrue((register(0x70) & DeviceStatus.NEEDS_RESET) != 0, "write " + write[1]);
        }
        offered = 0;
        memory.store16(USED + 2, 0);
        begin();
        flush();
        assertEquals(0, memory.load8(STATUS));
    }

    @Test
    void theHeaderOfALegacyNicHasTenBytes() {
        var nic = new VirtioNet(MacAddress.parse("52:54:00:12:34:56"), 1500);
        transport = new VirtioMmio("virtio0", VirtioForm.LEGACY, memory, new TestLine(), loop, nic);
        register(0x70, 3);
        register(0x38, SIZE);
        register(0x40, AREA >>> 12);
        register(0x70, 7);
        memory.store64(AREA, RAM);
        memory.store32(AREA + 8, 1600);
        memory.store32(AREA + 12, DriverSide.WRITE);
        memory.store16(AVAILABLE + 2, 1);
        register(0x50, 0);
        nic.receive(new byte[60], 0, 60);
        loop.runAll();

        assertEquals(70, memory.load32(USED + 8));
    }

    @Test
    void theStateGoesToTheSameFormOnly() throws IOException {
        begin();
        transport.pause();
        var state = new ByteArrayOutputStream();
        transport.capture(new DataOutputStream(state));
        byte[] bytes = state.toByteArray();

        assertThrows(
                IOException.class,
                () ->
                        disk(VirtioForm.MODERN)
                                .restore(new DataInputStream(new ByteArrayInputStream(bytes))));
        transport = disk(VirtioForm.LEGACY);
        transport.restore(new DataInputStream(new ByteArrayInputStream(bytes)));
        transport.resume();
        loop.runAll();
        assertEquals(AREA >>> 12, register(0x40));
        flush();
        assertEquals(0, memory.load8(STATUS));
        assertFalse((register(0x70) & DeviceStatus.NEEDS_RESET) != 0);
    }
}
