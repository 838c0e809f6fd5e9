package weft.vmhost.agent;

import weft.fabric.FabricImage;
import weft.fabric.Network;
import weft.fabric.NodeId;
import weft.fabric.PortBinding;
import weft.fabric.VmSpec;
import weft.fabric.Volume;
import weft.vmhost.machine.Machine;
import weft.vmhost.machine.MachineSpec;
import weft.vmhost.machine.MemoryLayout;
import weft.vmhost.machine.PowerState;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.migration.MigrationSource.MovingMachine;
import weft.vmhost.snapshot.MachineSnapshot;
import weft.vmhost.virtio.input.VirtioPowerButton;
import weft.vmhost.virtio.net.VirtioNet;
import weft.volume.PoolClient;
import weft.vswitch.port.SwitchPort;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// A VM's machine on this host with what it is plugged into: disks of the pool, ports of the
/// switch. Belongs to its [VmRunner]'s thread.
final class RunningVm implements MovingMachine, AutoCloseable {
    /// Longer than the five seconds that a lost storage node may cost.
    private static final Duration DISK_PATIENCE = Duration.ofSeconds(6);

    private final HostParts host;
    private final VmSpec spec;
    private final Machine machine;
    private final List<Volume> volumes;
    private final List<HandoverVolume> disks;
    private final List<PortBinding> bindings;
    private final List<SwitchPort> ports = new ArrayList<>();

    private RunningVm(
            HostParts host,
            VmSpec spec,
            Machine machine,
            List<Volume> volumes,
            List<HandoverVolume> disks,
            List<PortBinding> bindings) {
        this.host = host;
        this.spec = spec;
        this.machine = machine;
        this.volumes = volumes;
        this.disks = disks;
        this.bindings = bindings;
    }

    /// Whether the image shows all that the VM is made of. Kinds of records are watched one by one,
    /// so a spec may be seen a moment before the ports and disks that were written with it.
    static boolean isDescribed(FabricImage image, VmSpec spec) {
        return image.volumes().keySet().containsAll(spec.disks())
                && image.ports().keySet().containsAll(spec.ports());
    }

    /// Reads a block of each placement group of the VM's disks, so that a host that cannot is out
    /// of question before anything depends on it.
    static void reachDisks(HostParts host, FabricImage image, VmSpec spec) throws IOException {
        for (String name : spec.disks()) {
            host.pool().reach(volume(image, name), DISK_PATIENCE);
        }
    }

    private static Volume volume(FabricImage image, String name) throws IOException {
        Volume volume = image.volumes().get(name);
        if (volume == null) {
            throw new IOException("disk '" + name + "' is gone");
        }
        return volume;
    }

    /// Builds the machine; it is off, its disks are not bound, its NICs not plugged.
    static RunningVm build(
            HostParts host,
            FabricImage image,
            VmSpec spec,
            BootFiles bootFiles,
            Machine.Listener listener)
            throws IOException {
        var volumes = new ArrayList<Volume>();
        var disks = new ArrayList<HandoverVolume>();
        var machineDisks = new ArrayList<MachineSpec.Disk>();
        for (String name : spec.disks()) {
            Volume volume = volume(image, name);
            var disk = new HandoverVolume(volume.sizeBytes());
            volumes.add(volume);
            disks.add(disk);
            machineDisks.add(new MachineSpec.Disk(name, disk));
        }
        var bindings = new ArrayList<PortBinding>();
        for (String port : spec.ports()) {
            PortBinding binding = image.ports().get(port);
            if (binding == null) {
                throw new IOException("port '" + port + "' is gone");
            }
            bindings.add(binding);
        }
        var boot = bootFiles.load(image, spec.image(), arguments(spec, image, bindings));
        int others = volumes.size() + bindings.size() + 1;
        int mtuBytes = host.vswitch().mtuBytes();
        var machineSpec =
                new MachineSpec(
                        spec.name(),
                        spec.memoryBytes(),
                        spec.cpus(),
                        boot,
                        machineDisks,
                        bindings.stream()
                                .map(binding -> new MachineSpec.Nic(binding.mac(), mtuBytes))
                                .toList(),
                        // The one device that a VM can do without, where slots are short.
                        others < MemoryLayout.VIRTIO_SLOTS
                                ? MachineSpec.Options.POWER_BUTTON
                                : MachineSpec.Options.NONE);
        var machine = new Machine(machineSpec, host.clock(), host.engine(), listener);
        return new RunningVm(host, spec, machine, volumes, disks, bindings);
    }

    /// What the guest is told: its name, and to ask for the address of its first NIC.
    private static String arguments(VmSpec spec, FabricImage image, List<PortBinding> bindings) {
        var arguments = new StringBuilder("weft.hostname=").append(spec.name());
        if (!bindings.isEmpty()) {
            PortBinding first = bindings.getFirst();
            // Images that do not know the second take the first.
            arguments.append(" weft.ip=").append(first.ipv4()).append(" weft.dhcp=1");
            Network network = image.networks().get(first.network());
            if (network != null) {
                arguments.append(" weft.network=").append(network.name());
            }
        }
        return arguments.toString();
    }

    VmSpec spec() {
        return spec;
    }

    Machine machine() {
        return machine;
    }

    /// Asks the guest to switch itself off.
    ///
    /// @return whether it has a driver for the power button; what it does is its own affair
    boolean pressPowerButton() {
        return machine.powerButton().map(VirtioPowerButton::press).orElse(false);
    }

    /// Opens the disks for their new holder, without a word to the pool: from the first request on,
    /// earlier holders are refused.
    void bindDisks(List<PoolClient.Claimed> claimed) {
        for (int i = 0; i < disks.size(); i++) {
            disks.get(i).bind(host.pool().open(claimed.get(i)));
        }
    }

    /// Tells the placement groups of the new tokens and waits for those that answer.
    void raiseTokens(List<PoolClient.Claimed> claimed) {
        for (PoolClient.Claimed one : claimed) {
            var _ = host.pool().raise(one.volume(), one.attachment());
        }
    }

    /// Plugs the NICs in; in standby they neither send nor receive until [#activatePorts].
    void plug(Plugging plugging) {
        List<VirtioNet> nics = machine.nics();
        for (int i = 0; i < bindings.size(); i++) {
            PortBinding binding = bindings.get(i);
            VirtioNet nic = nics.get(i);
            SwitchPort port =
                    switch (plugging) {
                        case ACTIVE ->
                                host.vswitch()
                                        .plug(
                                                binding.port(),
                                                binding.network(),
                                                binding.mac(),
                                                nic);
                        case STANDBY ->
                                host.vswitch()
                                        .plugStandby(
                                                binding.port(),
                                                binding.network(),
                                                binding.mac(),
                                                nic);
                    };
            ports.add(port);
            nic.plug(port);
        }
    }

    /// How NICs are plugged in.
    enum Plugging {
        ACTIVE,
        STANDBY
    }

    /// The VM has arrived: its ports send and receive.
    void activatePorts() {
        bindings.forEach(binding -> host.vswitch().activate(binding.port()));
    }

    /// Tells the network that the VM is here.
    void announce() {
        for (int i = 0; i < bindings.size(); i++) {
            host.vswitch().announce(bindings.get(i).port());
            machine.nics().get(i).announce();
        }
    }

    /// The VM is elsewhere: for a while its frames are passed on.
    void leaveTombstones(NodeId to, long epoch) {
        bindings.forEach(binding -> host.vswitch().moved(binding.port(), to, epoch));
    }

    @Override
    public GuestMemory memory() {
        return machine.memory();
    }

    @Override
    public void pause() throws IOException {
        PowerState state = machine.pause();
        if (!(state instanceof PowerState.Paused)) {
            throw new IOException("the guest went off while it was moved");
        }
    }

    @Override
    public ByteBuffer captureState() {
        return ByteBuffer.wrap(MachineSnapshot.capture(machine));
    }

    @Override
    public void close() {
        machine.close();
        ports.forEach(SwitchPort::close);
        disks.forEach(HandoverVolume::close);
    }
}
