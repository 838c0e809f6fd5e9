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
/// @param cuts raised by one with each pull of the power cable (`weft vm stop --force`); the agent
///   that lags switches the VM off at once, whatever its guest does
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
        long cuts,
        long generation) {
    /// The wanted state.
    public enum Power {
        RUNNING,
        /// Its guest is asked to switch itself off, and has a while for it.
        STOPPED
    }

    public VmSpec {
        FabricName.check("VM", name);
        cpus = Math.max(1, cpus);
        disks = List.copyOf(disks);
        ports = List.copyOf(ports);
    }

    /// A new one.
    public VmSpec(
            String name,
            UUID id,
            String image,
            long memoryBytes,
            int cpus,
            List<String> disks,
            List<String> ports,
            Power power) {
        this(name, id, image, memoryBytes, cpus, disks, ports, power, 0, 0, 1);
    }

    /// The same VM, to be switched on or off.
    public VmSpec withPower(Power wanted) {
        return changed(wanted, resets, cuts);
    }

    /// The same VM with its reset button pressed once more.
    public VmSpec withReset() {
        return changed(power, resets + 1, cuts);
    }

    /// The same VM, to be switched off by its power cable.
    public VmSpec withCut() {
        return changed(Power.STOPPED, resets, cuts + 1);
    }

    private VmSpec changed(Power power, long resets, long cuts) {
        return new VmSpec(
                name,
                id,
                image,
                memoryBytes,
                cpus,
                disks,
                ports,
                power,
                resets,
                cuts,
                generation + 1);
    }
}
