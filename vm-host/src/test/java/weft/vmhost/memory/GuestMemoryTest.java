package weft.vmhost.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.nio.ByteBuffer;

class GuestMemoryTest {
    private static final long BASE = 0x8000_0000L;
    private static final long SIZE = 1 << 20;

    @Test
    void whatIsStoredIsLoadedAtEverySizeAndAlignment() {
        try (var memory = new GuestMemory(BASE, SIZE)) {
            for (int offset = 0; offset < 8; offset++) {
                memory.store64(BASE + offset, 0x8877_6655_4433_2211L);
                assertEquals(0x8877_6655_4433_2211L, memory.load64(BASE + offset));
                assertEquals(0x4433_2211, memory.load32(BASE + offset));
                assertEquals(0x4433, memory.load16(BASE + offset + 2));
                assertEquals(0x88, memory.load8(BASE + offset + 7));
            }
        }
    }

    @Test
    void buffersAreCopiedWholly() {
        try (var memory = new GuestMemory(BASE, SIZE)) {
            ByteBuffer out = ByteBuffer.allocateDirect(5000);
            for (int i = 0; i < 5000; i++) {
                out.put((byte) i);
            }
            memory.write(BASE + 4000, out.flip());
            assertEquals(0, out.remaining());
            ByteBuffer in = ByteBuffer.allocate(5000);
            memory.read(BASE + 4000, in);
            assertEquals(out.flip(), in.flip());
        }
    }

    /// Each address is one a hostile guest could put into a descriptor.
    @Test
    void anAccessThatIsNotWhollyInsideIsAFault() {
        long[] addresses = {0, BASE - 1, BASE + SIZE - 7, BASE + SIZE, -1, -8, Long.MAX_VALUE - 3};
        try (var memory = new GuestMemory(BASE, SIZE)) {
            for (long address : addresses) {
                assertThrows(GuestFault.class, () -> memory.load64(address));
                assertThrows(GuestFault.class, () -> memory.store64(address, 1));
                ByteBuffer buffer = ByteBuffer.allocate(8);
                assertThrows(GuestFault.class, () -> memory.read(address, buffer));
                assertThrows(GuestFault.class, () -> memory.write(address, buffer));
                assertFalse(memory.contains(address, 8));
            }
            assertFalse(memory.contains(BASE, Long.MAX_VALUE));
            assertFalse(memory.contains(BASE, -1));
            assertTrue(memory.contains(BASE, SIZE));
            assertTrue(memory.touchedPages().isEmpty());
        }
    }

    @Test
    void closedMemoryReadsAsZero() {
        var memory = new GuestMemory(BASE, SIZE);
        memory.store64(BASE, 1);
        memory.close();
        assertEquals(0, memory.load64(BASE));
    }

    @Test
    void sizesThatAreNoPagesAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> new GuestMemory(BASE, 4097));
        assertThrows(IllegalArgumentException.class, () -> new GuestMemory(BASE, 0));
        assertThrows(IllegalArgumentException.class, () -> new GuestMemory(BASE + 1, 4096));
        assertThrows(IllegalArgumentException.class, () -> new GuestMemory(BASE, 1L << 41));
    }

    @Test
    void aPageTakenByOneDrainIsNotInTheNext() {
        try (var memory = new GuestMemory(BASE, SIZE)) {
            memory.store8(BASE, 1);
            memory.startDirtyTracking();
            assertTrue(memory.drainDirty().isEmpty());
            memory.store8(BASE + 0x2000, 1);
            assertEquals(1, memory.drainDirty().count());
            assertTrue(memory.drainDirty().isEmpty());
            memory.stopDirtyTracking();
            assertThrows(IllegalStateException.class, memory::drainDirty);
            assertEquals(2, memory.touchedPages().count());
        }
    }
}
