package weft.ops.admin;

import weft.fabric.MacAddress;
import weft.fabric.NodeId;
import weft.fabric.VmSpec;

import java.util.List;
import java.util.Optional;

/// What a person asks for with `weft vm create`.
///
/// @param cpus harts
/// @param nics one per NIC, in order
/// @param host where to run it; empty lets control choose
/// @param groups names of security groups; each takes the NICs that are in its network
public record VmRequest(
        String name,
        String image,
        long memoryBytes,
        int cpus,
        long diskBytes,
        List<Nic> nics,
        Optional<NodeId> host,
        VmSpec.Power power,
        List<String> groups) {
    /// A NIC and what of it is not left to us.
    public record Nic(String network, Optional<MacAddress> mac, Optional<String> ipv4) {}

    public VmRequest {
        nics = List.copyOf(nics);
        groups = List.copyOf(groups);
    }

    /// With one CPU, in no group.
    public VmRequest(
            String name,
            String image,
            long memoryBytes,
            long diskBytes,
            List<Nic> nics,
            Optional<NodeId> host,
            VmSpec.Power power) {
        this(name, image, memoryBytes, 1, diskBytes, nics, host, power, List.of());
    }
}
