package weft.storage;

import weft.fabric.Cluster;
import weft.fabric.FailureDomain;
import weft.fabric.NodeId;
import weft.storage.replica.ReplicaSettings;
import weft.storage.server.ScrubSettings;
import weft.storage.store.StoreSettings;
import weft.wire.storage.StorageMessage;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.UUID;

/// How a storage node runs.
///
/// @param folders one for each of its stores, absolute; made if missing
/// @param adopted beginnings of the ids of stores that it takes over from other nodes
/// @param listen where it takes connections; port 0 takes a free one
/// @param advertiseHost the host name or address under which others reach it; the port is the
///   listening one
/// @param nbd `host:port` where this node exports volumes, for its presence record; may be empty
/// @param metrics `host:port` of its metrics page, for its presence record; may be empty
/// @param domain where it stands, for the records that it makes when it is new
/// @param garbagePeriod between looks for layers of deleted volumes
/// @param loopCount threads that run replicas, for each store, and threads that move bytes
public record StorageNodeSettings(
        NodeId node,
        UUID clusterId,
        List<Path> folders,
        List<String> adopted,
        InetSocketAddress listen,
        String advertiseHost,
        String nbd,
        String metrics,
        FailureDomain domain,
        ReplicaSettings replica,
        StoreSettings store,
        ScrubSettings scrub,
        Duration garbagePeriod,
        int loopCount) {
    /// Half of the processors, as each of the two kinds has so many; no more than four: with more
    /// threads than processors batches are smaller, and each write wakes more of them. Two at the
    /// least: with one a lone write waits for whatever else its node does.
    private static final int LOOPS =
            Math.clamp(Runtime.getRuntime().availableProcessors() / 2, 2, 4);

    public StorageNodeSettings {
        folders = List.copyOf(folders);
        adopted = List.copyOf(adopted);
        if (folders.isEmpty() || folders.size() > StorageMessage.STORES_MAX) {
            throw new IllegalArgumentException(
                    "a storage node has 1 to %d folders, not %d"
                            .formatted(StorageMessage.STORES_MAX, folders.size()));
        }
    }

    /// The settings that nobody needs to say.
    ///
    /// @param cluster whose lease all nodes have
    public static StorageNodeSettings of(
            NodeId node,
            Cluster cluster,
            List<Path> folders,
            InetSocketAddress listen,
            String advertiseHost) {
        return new StorageNodeSettings(
                node,
                cluster.id(),
                folders,
                List.of(),
                listen,
                advertiseHost,
                "",
                "",
                FailureDomain.ofAddress(advertiseHost),
                ReplicaSettings.DEFAULT.withLeaseMillis(cluster.leaseMillis()),
                StoreSettings.DEFAULT,
                ScrubSettings.DEFAULT,
                Duration.ofSeconds(30),
                LOOPS);
    }

    /// The same, with what the presence record says of the node's other addresses.
    public StorageNodeSettings withAddresses(String nbdAddress, String metricsAddress) {
        return new StorageNodeSettings(
                node,
                clusterId,
                folders,
                adopted,
                listen,
                advertiseHost,
                nbdAddress,
                metricsAddress,
                domain,
                replica,
                store,
                scrub,
                garbagePeriod,
                loopCount);
    }

    /// The same, standing there.
    public StorageNodeSettings withDomain(FailureDomain newDomain) {
        return new StorageNodeSettings(
                node,
                clusterId,
                folders,
                adopted,
                listen,
                advertiseHost,
                nbd,
                metrics,
                newDomain,
                replica,
                store,
                scrub,
                garbagePeriod,
                loopCount);
    }

    /// The same, taking these stores over from other nodes.
    public StorageNodeSettings adopting(List<String> stores) {
        return new StorageNodeSettings(
                node,
                clusterId,
                folders,
                stores,
                listen,
                advertiseHost,
                nbd,
                metrics,
                domain,
                replica,
                store,
                scrub,
                garbagePeriod,
                loopCount);
    }
}
