package weft.fabric;

import java.util.List;
import java.util.UUID;

/// A process that is alive, as an ephemeral record. Addresses are `host:port`, as others reach
/// them; empty where the role has none.
///
/// @param incarnation changes with every start of the process
/// @param address where it takes Weft's own connections
/// @param nbd where a storage node exports volumes; [#NBD_SECURED] in front where it takes TLS only
/// @param vtep where a host takes VXLAN
/// @param metrics where its Prometheus page is
/// @param stores the disks a storage node serves
/// @param memoryBytes what a host offers to VMs
public record NodePresence(
        NodeId node,
        Role role,
        long incarnation,
        String address,
        String nbd,
        String vtep,
        String metrics,
        List<UUID> stores,
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
        stores = List.copyOf(stores);
    }
}
