package weft.fabric;

import java.util.List;
import java.util.Optional;

/// A process that is alive, as an ephemeral record. Addresses are `host:port`, as others reach
/// them; empty where the role has none.
///
/// @param incarnation changes with every start of the process
/// @param address where it takes Weft's own connections
/// @param nbd where a storage node exports volumes; [#NBD_SECURED] in front where it takes TLS only
/// @param vtep where a host takes VXLAN
/// @param metrics where its Prometheus page is
/// @param disks of a storage node, those that it cannot serve too
/// @param memoryBytes what a host offers to VMs
public record NodePresence(
        NodeId node,
        Role role,
        long incarnation,
        String address,
        String nbd,
        String vtep,
        String metrics,
        List<NodeDisk> disks,
        long memoryBytes,
        long pid) {
    /// In front of an NBD address.
    public static final String NBD_SECURED = "nbds://";

    /// Where clients find an export.
    public String nbdUri(String export) {
        return (nbd.startsWith(NBD_SECURED) ? nbd : "nbd://" + nbd) + "/" + export;
    }

    /// What the process does.
    public enum Role {
        STORAGE,
        HOST,
        CONTROL;

        /// The name in paths and in `weft node <role>`.
        public String lowerCase() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }
    }

    public NodePresence {
        disks = List.copyOf(disks);
    }

    /// The stores that it serves, in their present lives.
    public List<Member> stores() {
        return disks.stream().map(NodeDisk::served).flatMap(Optional::stream).toList();
    }

    /// The lives of its stores that are known to be over.
    public List<Member> endedLives() {
        return disks.stream().map(NodeDisk::endedLife).flatMap(Optional::stream).toList();
    }

    /// Whether it is known to have ended.
    public boolean hasEnded() {
        return !endedLives().isEmpty();
    }

    /// The same process, known to have ended.
    public NodePresence withEnd() {
        return new NodePresence(
                node,
                role,
                incarnation,
                address,
                nbd,
                vtep,
                metrics,
                disks.stream().map(NodeDisk::withEnd).toList(),
                memoryBytes,
                pid);
    }

    /// Whether it serves this store.
    public boolean serves(StoreId store) {
        return stores().stream().anyMatch(member -> member.store().equals(store));
    }
}
