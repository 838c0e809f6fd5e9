package weft.vmhost.device;

import weft.vmhost.memory.MmioDevice;

/// Memory that only reads: what the machine's maker left for firmware. Loads only; nothing is
/// executed from it. Its content is the machine's specification, so it is no state.
public final class BootRom implements MmioDevice {
    /// Bytes of address space.
    public static final long SIZE_BYTES = 0x1000;

    private volatile byte[] content = new byte[0];

    /// Burns it; what lies behind the bytes reads as zero.
    public void burn(byte[] bytes) {
        assert bytes.length <= SIZE_BYTES;
        content = bytes.clone();
    }

    @Override
    public long load(int offset, int sizeBytes) {
        byte[] bytes = content;
        long value = 0;
        for (int i = sizeBytes - 1; i >= 0; i--) {
            int octet = offset + i < bytes.length ? bytes[offset + i] & 0xff : 0;
            value = value << 8 | octet;
        }
        return value;
    }

    @Override
    public void store(int offset, int sizeBytes, long value) {}
}
