package weft.vmhost.machine;

/// Where things are in guest-physical address space: as in QEMU's `virt` machine, so that one
/// device tree, one kernel and one firmware fit both.
public final class MemoryLayout {
    /// The boot ROM, where there is firmware to read it.
    public static final long BOOT_ROM = 0x1000;

    /// SiFive's test finisher: poweroff and reboot.
    public static final long TEST = 0x10_0000;

    /// Goldfish RTC.
    public static final long RTC = 0x10_1000;

    /// ACLINT in the layout of `sifive,clint0`.
    public static final long ACLINT = 0x200_0000;

    /// PLIC.
    public static final long PLIC = 0xc00_0000;

    /// 16550 serial port.
    public static final long UART = 0x1000_0000;

    /// First of the virtio-mmio slots.
    public static final long VIRTIO = 0x1000_1000;

    /// Distance of two slots.
    public static final long VIRTIO_STRIDE = 0x1000;

    /// Slots; the device tree lists those in use.
    public static final int VIRTIO_SLOTS = 8;

    /// First byte of RAM.
    public static final long RAM = 0x8000_0000L;

    /// Where firmware on QEMU's `virt` goes on to, if the file does not say otherwise: RAM's first
    /// 2 MiB are the firmware's.
    public static final long NEXT_STAGE = RAM + (2 << 20);

    /// PLIC sources: slot `i` has source `i + 1`.
    public static final int UART_SOURCE = 10;

    /// PLIC source of the RTC.
    public static final int RTC_SOURCE = 11;

    private MemoryLayout() {}

    /// Registers of a virtio slot.
    public static long virtioSlot(int slot) {
        return VIRTIO + slot * VIRTIO_STRIDE;
    }

    /// PLIC source of a virtio slot.
    public static int virtioSource(int slot) {
        return slot + 1;
    }
}
