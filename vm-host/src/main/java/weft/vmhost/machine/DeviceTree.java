package weft.vmhost.machine;

import weft.vmhost.device.Aclint;
import weft.vmhost.device.GoldfishRtc;
import weft.vmhost.device.Plic;
import weft.vmhost.device.TestDevice;
import weft.vmhost.device.Uart16550;
import weft.vmhost.hart.TimeSource;
import weft.vmhost.interpreter.Interpreter;
import weft.vmhost.virtio.VirtioMmio;

/// Describes the machine to a kernel, with the nodes and names of QEMU's `virt`.
///
/// The 32-byte `rng-seed` is not a luxury: without it a kernel that randomises its stack offset
/// draws entropy the slow way in every system call until its pool is full.
final class DeviceTree {
    /// Bytes of `rng-seed`.
    static final int SEED_BYTES = 32;

    /// In the canonical order: what begins with Z by its second letter, then S.
    private static final String[] EXTENSIONS = {
        "i",
        "m",
        "a",
        "f",
        "d",
        "c",
        "zicbom",
        "zicboz",
        "zicntr",
        "zicond",
        "zicsr",
        "zifencei",
        "zihintpause",
        "zba",
        "zbb",
        "zbc",
        "zbs",
        "sstc",
        "svadu",
        "svinval",
        "svnapot",
        "svpbmt"
    };

    private static final int TEST_PHANDLE = 1;
    private static final int PLIC_PHANDLE = 2;
    private static final int FIRST_CPU_PHANDLE = 0x10;
    private static final int FIRST_INTC_PHANDLE = 0x100;
    private static final int UART_CLOCK_HZ = 3_686_400;
    private static final int MACHINE_SOFTWARE = 3;
    private static final int MACHINE_TIMER = 7;
    private static final int SUPERVISOR_EXTERNAL = 9;
    private static final int MACHINE_EXTERNAL = 11;

    private DeviceTree() {}

    /// The blob.
    ///
    /// @param slotsInUse how many virtio slots have a device
    static byte[] of(
            MachineSpec spec, KernelLoader.Placement placement, int slotsInUse, byte[] rngSeed) {
        assert rngSeed.length == SEED_BYTES;
        var tree = new FlattenedTree();
        tree.begin("")
                .cells("#address-cells", 2)
                .cells("#size-cells", 2)
                .strings("compatible", "riscv-virtio")
                .strings("model", "weft,virt");
        chosen(tree, spec, placement, rngSeed);
        tree.begin("memory@80000000")
                .strings("device_type", "memory")
                .longs("reg", MemoryLayout.RAM, spec.memoryBytes())
                .end();
        cpus(tree, spec.harts());
        power(tree);
        tree.begin("soc")
                .cells("#address-cells", 2)
                .cells("#size-cells", 2)
                .strings("compatible", "simple-bus")
                .flag("ranges");
        platform(tree, spec.harts());
        for (int slot = 0; slot < slotsInUse; slot++) {
            long address = MemoryLayout.virtioSlot(slot);
            tree.begin("virtio_mmio@%x".formatted(address))
                    .strings("compatible", "virtio,mmio")
                    .longs("reg", address, VirtioMmio.SIZE_BYTES)
                    .cells("interrupt-parent", PLIC_PHANDLE)
                    .cells("interrupts", MemoryLayout.virtioSource(slot))
                    .end();
        }
        return tree.end().end().finish();
    }

    private static void chosen(
            FlattenedTree tree,
            MachineSpec spec,
            KernelLoader.Placement placement,
            byte[] rngSeed) {
        tree.begin("chosen")
                .strings("stdout-path", "/soc/serial@%x".formatted(MemoryLayout.UART))
                .strings("bootargs", spec.boot().arguments())
                .bytes("rng-seed", rngSeed);
        if (placement.initrdEnd() > placement.initrdStart()) {
            tree.longs("linux,initrd-start", placement.initrdStart())
                    .longs("linux,initrd-end", placement.initrdEnd());
        }
        tree.end();
    }

    private static void cpus(FlattenedTree tree, int harts) {
        tree.begin("cpus")
                .cells("#address-cells", 1)
                .cells("#size-cells", 0)
                .cells("timebase-frequency", (int) TimeSource.TICKS_PER_SECOND);
        for (int hart = 0; hart < harts; hart++) {
            tree.begin("cpu@%x".formatted(hart))
                    .cells("phandle", FIRST_CPU_PHANDLE + hart)
                    .strings("device_type", "cpu")
                    .cells("reg", hart)
                    .strings("status", "okay")
                    .strings("compatible", "riscv")
                    .strings("riscv,isa", isaString())
                    .strings("riscv,isa-base", "rv64i")
                    .strings("riscv,isa-extensions", EXTENSIONS)
                    .cells("riscv,cbom-block-size", Interpreter.CACHE_BLOCK_BYTES)
                    .cells("riscv,cboz-block-size", Interpreter.CACHE_BLOCK_BYTES)
                    .strings("mmu-type", "riscv,sv39")
                    .begin("interrupt-controller")
                    .cells("#address-cells", 0)
                    .cells("#interrupt-cells", 1)
                    .flag("interrupt-controller")
                    .strings("compatible", "riscv,cpu-intc")
                    .cells("phandle", FIRST_INTC_PHANDLE + hart)
                    .end()
                    .end();
        }
        tree.begin("cpu-map").begin("cluster0");
        for (int hart = 0; hart < harts; hart++) {
            tree.begin("core" + hart).cells("cpu", FIRST_CPU_PHANDLE + hart).end();
        }
        tree.end().end().end();
    }

    /// The extensions again, for kernels that know the older property only.
    private static String isaString() {
        var isa = new StringBuilder("rv64");
        for (String extension : EXTENSIONS) {
            isa.append(extension.length() > 1 ? "_" : "").append(extension);
        }
        return isa.toString();
    }

    private static void power(FlattenedTree tree) {
        tree.begin("poweroff")
                .strings("compatible", "syscon-poweroff")
                .cells("regmap", TEST_PHANDLE)
                .cells("offset", 0)
                .cells("value", TestDevice.POWER_OFF)
                .end()
                .begin("reboot")
                .strings("compatible", "syscon-reboot")
                .cells("regmap", TEST_PHANDLE)
                .cells("offset", 0)
                .cells("value", TestDevice.REBOOT)
                .end();
    }

    private static void platform(FlattenedTree tree, int harts) {
        tree.begin("test@%x".formatted(MemoryLayout.TEST))
                .strings("compatible", "sifive,test1", "sifive,test0", "syscon")
                .longs("reg", MemoryLayout.TEST, TestDevice.SIZE_BYTES)
                .cells("phandle", TEST_PHANDLE)
                .end()
                .begin("rtc@%x".formatted(MemoryLayout.RTC))
                .strings("compatible", "google,goldfish-rtc")
                .longs("reg", MemoryLayout.RTC, GoldfishRtc.SIZE_BYTES)
                .cells("interrupt-parent", PLIC_PHANDLE)
                .cells("interrupts", MemoryLayout.RTC_SOURCE)
                .end()
                .begin("clint@%x".formatted(MemoryLayout.ACLINT))
                .strings("compatible", "sifive,clint0", "riscv,clint0")
                .longs("reg", MemoryLayout.ACLINT, Aclint.SIZE_BYTES)
                .cells("interrupts-extended", wires(harts, MACHINE_SOFTWARE, MACHINE_TIMER))
                .end()
                .begin("plic@%x".formatted(MemoryLayout.PLIC))
                .strings("compatible", "sifive,plic-1.0.0", "riscv,plic0")
                .longs("reg", MemoryLayout.PLIC, Plic.SIZE_BYTES)
                .cells("#address-cells", 0)
                .cells("#interrupt-cells", 1)
                .flag("interrupt-controller")
                .cells("riscv,ndev", Plic.SOURCE_MAX)
                .cells("interrupts-extended", wires(harts, MACHINE_EXTERNAL, SUPERVISOR_EXTERNAL))
                .cells("phandle", PLIC_PHANDLE)
                .end()
                .begin("serial@%x".formatted(MemoryLayout.UART))
                .strings("compatible", "ns16550a")
                .longs("reg", MemoryLayout.UART, Uart16550.SIZE_BYTES)
                .cells("clock-frequency", UART_CLOCK_HZ)
                .cells("interrupt-parent", PLIC_PHANDLE)
                .cells("interrupts", MemoryLayout.UART_SOURCE)
                .end();
    }

    private static int[] wires(int harts, int first, int second) {
        var wires = new int[4 * harts];
        for (int hart = 0; hart < harts; hart++) {
            wires[4 * hart] = FIRST_INTC_PHANDLE + hart;
            wires[4 * hart + 1] = first;
            wires[4 * hart + 2] = FIRST_INTC_PHANDLE + hart;
            wires[4 * hart + 3] = second;
        }
        return wires;
    }
}
