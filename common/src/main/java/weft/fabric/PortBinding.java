package weft.fabric;

import org.jspecify.annotations.Nullable;

import java.util.List;

/// Where a NIC is plugged in: MAC → host, for every switch of the fabric.
///
/// @param port unique: `<vm>-<index>`
/// @param ipv4 the address given to the guest, with prefix length: `10.0.0.5/24`
/// @param host frames for the MAC go there; null while the VM is stopped
/// @param next during a move: peers accept the MAC as a source from here too
/// @param epoch the VM's epoch at the last change of `host`
/// @param groups names of the [SecurityGroup]s that it is in, ascending; none, as in a record of an
///   earlier version, is the network's default group
public record PortBinding(
        String port,
        String network,
        MacAddress mac,
        String ipv4,
        @Nullable NodeId host,
        @Nullable NodeId next,
        long epoch,
        List<String> groups) {
    /// The most groups a NIC can be in.
    public static final int GROUPS_MAX = 8;

    public PortBinding {
        groups = groups == null ? List.of() : groups.stream().distinct().sorted().toList();
    }

    /// In the network's default group.
    public PortBinding(
            String port,
            String network,
            MacAddress mac,
            String ipv4,
            @Nullable NodeId host,
            @Nullable NodeId next,
            long epoch) {
        this(port, network, mac, ipv4, host, next, epoch, List.of());
    }

    /// The same NIC, plugged in elsewhere.
    public PortBinding boundTo(@Nullable NodeId newHost, @Nullable NodeId newNext, long newEpoch) {
        return new PortBinding(port, network, mac, ipv4, newHost, newNext, newEpoch, groups);
    }

    /// The same NIC in other groups.
    public PortBinding inGroups(List<String> others) {
        return new PortBinding(port, network, mac, ipv4, host, next, epoch, others);
    }
}
