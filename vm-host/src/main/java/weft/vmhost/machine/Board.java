package weft.vmhost.machine;

import weft.runtime.Loop;
import weft.vmhost.device.Aclint;
import weft.vmhost.device.BootRom;
import weft.vmhost.device.DeviceState;
import weft.vmhost.device.GoldfishRtc;
import weft.vmhost.device.InterruptLine;
import weft.vmhost.device.Plic;
import weft.vmhost.device.SerialConsole;
import weft.vmhost.device.TestDevice;
import weft.vmhost.device.Uart16550;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.Interrupt;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.memory.PhysicalBus;
import weft.vmhost.virtio.VirtioDevice;
import weft.vmhost.virtio.VirtioMmio;
import weft.vmhost.virtio.balloon.VirtioBalloon;
import weft.vmhost.virtio.block.VirtioBlock;
import weft.vmhost.virtio.console.VirtioConsole;
import weft.vmhost.virtio.input.VirtioPowerButton;
import weft.vmhost.virtio.net.VirtioNet;
import weft.vmhost.virtio.rng.VirtioEntropy;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.LongConsumer;

/// The devices of a machine and how they are wired: to the bus, to the interrupt controller, to the
/// harts. Slots in the order of the device tree: disks, NICs, entropy, console, balloon, power
/// button.
final class Board {
    private final Plic plic;
    private final Aclint aclint;
    private final Uart16550 uart;
    private final GoldfishRtc rtc;
    private final List<VirtioMmio> slots = new ArrayList<>();
    private final List<VirtioNet> nics = new ArrayList<>();
    private final BootRom bootRom = new BootRom();
    private Optional<VirtioBalloon> balloon = Optional.empty();
    private Optional<VirtioPowerButton> powerButton = Optional.empty();
    private final DeviceWorld world;
    private final Optional<HostTarget> hostTarget;
    private Optional<Loop.Timer> hostTargetLooks = Optional.empty();

    Board(
            MachineSpec spec,
            PhysicalBus bus,
            DeviceWorld world,
            GuestTime time,
            SerialConsole console,
            SerialConsole virtioConsole,
            List<Hart> harts,
            TestDevice.Finisher finisher,
            Machine.Listener listener) {
        this.world = world;
        plic = new Plic(externalInterrupts(harts));
        aclint = new Aclint(time::ticks, softwareInterrupts(harts), machineTimers(harts));
        uart = new Uart16550(plic.source(MemoryLayout.UART_SOURCE), console);
        rtc = new GoldfishRtc(plic.source(MemoryLayout.RTC_SOURCE), world.alarms(), time::nanos);
        bus.attach(MemoryLayout.TEST, TestDevice.SIZE_BYTES, new TestDevice(finisher));
        bus.attach(MemoryLayout.RTC, GoldfishRtc.SIZE_BYTES, rtc);
        bus.attach(MemoryLayout.ACLINT, Aclint.SIZE_BYTES, aclint);
        bus.attach(MemoryLayout.PLIC, Plic.SIZE_BYTES, plic);
        bus.attach(MemoryLayout.UART, Uart16550.SIZE_BYTES, uart);
        if (spec.boot() instanceof FirmwareBoot) {
            bus.attach(MemoryLayout.BOOT_ROM, BootRom.SIZE_BYTES, bootRom);
        }
        List<VirtioDevice> devices = virtioDevices(spec, listener);
        devices.addAll(optionalDevices(spec.options(), virtioConsole, bus.memory()));
        for (VirtioDevice device : devices) {
            int slot = slots.size();
            InterruptLine line = plic.source(MemoryLayout.virtioSource(slot));
            var transport =
                    new VirtioMmio(
                            "virtio" + slot,
                            spec.options().virtio(),
                            bus.memory(),
                            line,
                            world.loop(),
                            device);
            bus.attach(MemoryLayout.virtioSlot(slot), VirtioMmio.SIZE_BYTES, transport);
            slots.add(transport);
        }
        hostTarget =
                hostTargetAddresses(spec.boot())
                        .map(at -> new HostTarget(bus.memory(), at, console, finisher));
    }

    private static Optional<HostTarget.Addresses> hostTargetAddresses(Boot boot) {
        return boot instanceof ElfProgram program ? program.hostTarget() : Optional.empty();
    }

    private List<VirtioDevice> virtioDevices(MachineSpec spec, Machine.Listener listener) {
        List<VirtioDevice> devices = new ArrayList<>();
        for (int i = 0; i < spec.disks().size(); i++) {
            int index = i;
            MachineSpec.Disk disk = spec.disks().get(i);
            devices.add(
                    new VirtioBlock(
                            disk.volume(),
                            disk.serial(),
                            (_, trouble) -> listener.diskTrouble(index, trouble),
                            world.retries(),
                            Math.min(spec.harts(), VirtioBlock.QUEUES_MAX)));
        }
        for (MachineSpec.Nic nic : spec.nics()) {
            var device = new VirtioNet(nic.mac(), nic.mtuBytes());
            nics.add(device);
            devices.add(device);
        }
        devices.add(new VirtioEntropy(world::random, world.refills()));
        return devices;
    }

    private List<VirtioDevice> optionalDevices(
            MachineSpec.Options options, SerialConsole virtioConsole, GuestMemory memory) {
        List<VirtioDevice> devices = new ArrayList<>();
        if (options.console()) {
            devices.add(new VirtioConsole(virtioConsole));
        }
        if (options.balloon()) {
            var device = new VirtioBalloon(memory);
            balloon = Optional.of(device);
            devices.add(device);
        }
        if (options.powerButton()) {
            var device = new VirtioPowerButton();
            powerButton = Optional.of(device);
            devices.add(device);
        }
        return devices;
    }

    private static List<InterruptLine> externalInterrupts(List<Hart> harts) {
        List<InterruptLine> lines = new ArrayList<>();
        for (Hart hart : harts) {
            lines.add(high -> hart.setInterrupt(Interrupt.MACHINE_EXTERNAL, high));
            lines.add(high -> hart.setInterrupt(Interrupt.SUPERVISOR_EXTERNAL, high));
        }
        return lines;
    }

    private static List<InterruptLine> softwareInterrupts(List<Hart> harts) {
        List<InterruptLine> lines = new ArrayList<>();
        for (Hart hart : harts) {
            lines.add(high -> hart.setInterrupt(Interrupt.MACHINE_SOFTWARE, high));
        }
        return lines;
    }

    private static List<LongConsumer> machineTimers(List<Hart> harts) {
        List<LongConsumer> timers = new ArrayList<>();
        for (Hart hart : harts) {
            timers.add(hart::setMachineTimer);
        }
        return timers;
    }

    List<VirtioNet> nics() {
        return List.copyOf(nics);
    }

    Optional<VirtioBalloon> balloon() {
        return balloon;
    }

    Optional<VirtioPowerButton> powerButton() {
        return powerButton;
    }

    BootRom bootRom() {
        return bootRom;
    }

    List<VirtioMmio> slots() {
        return List.copyOf(slots);
    }

    int slotsInUse() {
        return slots.size();
    }

    /// In the order in which they are to be restored: lines first go high when the controller
    /// knows.
    List<DeviceState> states() {
        List<DeviceState> states = new ArrayList<>(List.of(plic, aclint, uart, rtc));
        states.addAll(slots);
        return states;
    }

    /// As after power-on.
    void reset() {
        slots.forEach(VirtioMmio::reset);
        uart.reset();
        rtc.reset();
        aclint.reset();
        plic.reset();
    }

    /// The RTC shows the wall clock.
    void setClock() {
        rtc.setTime(world.epochNanos());
    }

    /// `time` stands still.
    void stopTimers() {
        rtc.disarm();
        hostTargetLooks.ifPresent(Loop.Timer::cancel);
    }

    boolean isIdle() {
        return slots.stream().allMatch(VirtioMmio::isIdle);
    }

    void pause() {
        slots.forEach(VirtioMmio::pause);
    }

    void resume() {
        rtc.rearm();
        hostTargetLooks = hostTarget.map(target -> world.every(HostTarget.PERIOD, target::look));
        slots.forEach(world::resume);
    }
}
