package weft.vmhost.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class PhysicalBusTest {
    private static final long RAM = 0x8000_0000L;
    private static final long DEVICE = 0x1000_0000L;

    /// A register file that remembers its last access.
    private static final class Echo implements MmioDevice {
        private int lastOffset = -1;

        @Override
        public long load(int offsetBytes, int sizeBytes) {
            lastOffset = offsetBytes;
            return 0xAB;
        }

        @Override
        public void store(int offsetBytes, int sizeBytes, long value) {
            lastOffset = offsetBytes;
        }
    }

    private final GuestMemory memory = new GuestMemory(RAM, 1 << 16);
    private final PhysicalBus bus = new PhysicalBus(memory);
    private final Echo echo = new Echo();

    @Test
    void aDeviceSeesItsOwnOffsets() {
        bus.attach(DEVICE, 0x100, echo);
        assertEquals(0xAB, bus.load(DEVICE + 0xFC, 4));
        assertEquals(0xFC, echo.lastOffset);
        bus.store(DEVICE, 1, 0);
        assertEquals(0, echo.lastOffset);
    }

    @Test
    void holesMisalignmentAndOverhangsAreFaults() {
        bus.attach(DEVICE, 0x104, echo);
        long[] addresses = {0, DEVICE - 4, DEVICE + 0x104, DEVICE + 2, RAM + (1 << 16), -4};
        for (long address : addresses) {
            assertThrows(GuestFault.class, () -> bus.load(address, 4));
            assertThrows(GuestFault.class, () -> bus.store(address, 4, 0));
        }
        assertThrows(GuestFault.class, () -> bus.load(DEVICE + 0x100, 8));
        assertEquals(-1, echo.lastOffset);
    }

    @Test
    void rangesThatMeetAreRefused() {
        bus.attach(DEVICE, 0x100, echo);
        for (long base : new long[] {DEVICE - 1, DEVICE, DEVICE + 0xFF, RAM - 1, RAM + 8}) {
            assertThrows(IllegalArgumentException.class, () -> bus.attach(base, 0x100, echo));
        }
        bus.attach(DEVICE + 0x100, 0x100, echo);
    }
}
