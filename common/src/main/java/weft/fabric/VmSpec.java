package weft.fabric;

import java.util.List;
import java.util.UUID;

/// What a person wants of a VM.
///
/// @param id for ever; names may be reused
/// @param image the image it was made from; kernel and initrd come from its volumes
/// @param cpus harts; a record of an earlier version has none, which means one
/// @param disks volume names, first is the root disk
/// @param ports ids of [PortBinding]s, one per NIC
/// @param resets raised by one for each `weft vm reset`; the agent restarts the guest when it lags
/// @param generation raised by one with each change of the spec
public record VmSpec(
        String name,
        UUID id,
        String image,
        long memoryBytes,
        int cpus,
        List<String> disks,
        List<String> ports,
        Power power,
        long resets,
        long generation) {
    /// The wanted state.
    public enum Power {
        RUNNING,
        /// Its guest is asked to switch itself off, and has a while for it.
        STOPPED,
        /// At once, whatever its guest does.
        CUT
    }

    public VmSpec {
        FabricName.check("VM", name);
        cpus = Math.max(1, cpus);
        disks = List.copyOf(disks);
        ports = List.copyOf(ports);
    }

    /// With one CPU.
    public VmSpec(
            String name,
            UUID id,
            String image,
            long memoryBytes,
            List<String> disks,
            List<String> ports,
            Power power,
            long resets,
            long generation) {
        this(name, id, image, memoryBytes, 1, disks, ports, power, resets, generation);
    }

    /// The same VM, to be switched on or off.
    public VmSpec withPower(Power wanted) {
        return new VmSpec(
                name, id, image, memoryBytes, cpus, disks, ports, wanted, resets, generation + 1);
    }

    /// The same VM with its reset button pressed once more.
    public VmSpec withReset() {
        return new VmSpec(
                name,
                id,
                image,
                memoryBytes,
                cpus,
                disks,
                ports,
                power,
                resets + 1,
                generation + 1);
    }
}
