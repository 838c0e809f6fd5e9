package weft.storage;

import weft.fabric.FailureDomain;
import weft.fabric.NodeId;
import weft.storage.replica.ReplicaSettings;
import weft.storage.server.ScrubSettings;
import weft.storage.store.StoreSettings;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.UUID;

/// How a storage node runs.
///
/// @param folder where its store is; made if missing
/// @param listen where it takes connections; port 0 takes a free one
/// @param advertiseHost the host name or address under which others reach it; the port is the
///   listening one
/// @param nbd `host:port` where this node exports volumes, for its presence record; may be empty
/// @param metrics `host:port` of its metrics page, for its presence record; may be empty
/// @param domain where it stands, for the record that it makes at its first start
/// @param garbagePeriod between looks for layers of deleted volumes
/// @param loopCount threads that run replicas
public record StorageNodeSettings(
        NodeId node,
        UUID clusterId,
        Path folder,
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
    /// The settings that nobody needs to say.
    public static StorageNodeSettings of(
            NodeId node,
            UUID clusterId,
            Path folder,
            InetSocketAddress listen,
            String advertiseHost) {
        return new StorageNodeSettings(
                node,
                clusterId,
                folder,
                listen,
                advertiseHost,
                "",
                "",
                FailureDomain.ofAddress(advertiseHost),
                ReplicaSettings.DEFAULT,
                StoreSettings.DEFAULT,
                ScrubSettings.DEFAULT,
                Duration.ofSeconds(30),
                2);
    }

    /// The same, with what the presence record says of the node's other addresses.
    public StorageNodeSettings withAddresses(String nbdAddress, String metricsAddress) {
        return new StorageNodeSettings(
                node,
                clusterId,
                folder,
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
                folder,
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
}
