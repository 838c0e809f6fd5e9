package weft.vmhost.device;

import weft.vmhost.memory.MmioDevice;

/// SiFive's test finisher, through which `virt` machines are switched off (`syscon-poweroff`,
/// `syscon-reboot`) and test programs tell how they ended.
public final class TestDevice implements MmioDevice {
    /// Bytes of address space.
    public static final long SIZE_BYTES = 0x1000;

    /// Stored by `syscon-poweroff`.
    public static final int POWER_OFF = 0x5555;

    /// Stored by `syscon-reboot`.
    public static final int REBOOT = 0x7777;

    private static final int FAIL = 0x3333;

    private final Finisher finisher;

    /// Whoever ends the machine. Called on the hart's thread, which goes on until it is told to
    /// stop.
    public interface Finisher {
        /// The guest has switched itself off.
        void powerOff();

        /// The guest wants to start again.
        void reboot();

        /// A test program failed with a code of 0..65535.
        void fail(int code);
    }

    public TestDevice(Finisher finisher) {
        this.finisher = finisher;
    }

    @Override
    public long load(int offset, int sizeBytes) {
        return 0;
    }

    @Override
    public void store(int offset, int sizeBytes, long value) {
        if (offset != 0 || sizeBytes < 2) {
            return;
        }
        switch ((int) value & 0xffff) {
            case POWER_OFF -> finisher.powerOff();
            case REBOOT -> finisher.reboot();
            case FAIL -> finisher.fail((int) value >>> 16);
            default -> {}
        }
    }
}
