package weft.ops.node;

import org.jspecify.annotations.Nullable;

import weft.fabric.FailureDomain;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// Where one part of the fabric runs.
///
/// @param folders of a storage node: one for each of its stores
/// @param adopted of a storage node: stores that it takes over from others
/// @param zookeeper the coordination's connect string
/// @param listen its address for Weft's own connections; its other listeners use the same host
/// @param advertise the host name or address under which others reach it
/// @param nbdPort of a storage node; 0 takes a free one
/// @param vtepPort of a host; VXLAN's 4789 if others than ours are to join
/// @param metricsPort 0 takes a free one
/// @param offer what a host gives to VMs
/// @param nbdTls of a storage node: the folder of its certificate, if its exports take TLS only
/// @param domain where a storage node stands, when it is new
public record NodeOptions(
        NodeId node,
        List<Path> folders,
        List<String> adopted,
        String zookeeper,
        InetSocketAddress listen,
        String advertise,
        int nbdPort,
        int vtepPort,
        int metricsPort,
        HostOffer offer,
        Optional<Path> nbdTls,
        FailureDomain domain) {
    public NodeOptions {
        folders = List.copyOf(folders);
        adopted = List.copyOf(adopted);
    }

    /// The same with this folder; null for connections in the clear.
    public NodeOptions withNbdTls(@Nullable Path folder) {
        return new NodeOptions(
                node,
                folders,
                adopted,
                zookeeper,
                listen,
                advertise,
                nbdPort,
                vtepPort,
                metricsPort,
                offer,
                Optional.ofNullable(folder),
                domain);
    }

    /// The same, standing there.
    public NodeOptions withDomain(FailureDomain newDomain) {
        return new NodeOptions(
                node,
                folders,
                adopted,
                zookeeper,
                listen,
                advertise,
                nbdPort,
                vtepPort,
                metricsPort,
                offer,
                nbdTls,
                newDomain);
    }

    /// The same, with these folders, taking these stores over from other nodes.
    public NodeOptions withStores(List<Path> newFolders, List<String> newAdopted) {
        return new NodeOptions(
                node,
                newFolders,
                newAdopted,
                zookeeper,
                listen,
                advertise,
                nbdPort,
                vtepPort,
                metricsPort,
                offer,
                nbdTls,
                domain);
    }

    /// Where exports are, for the presence record.
    String advertisedNbd() {
        return (nbdTls.isPresent() ? NodePresence.NBD_SECURED : "") + advertised(nbdPort);
    }

    /// An address of this part on another port.
    InetSocketAddress at(int port) {
        return new InetSocketAddress(listen.getAddress(), port);
    }

    /// The same as others reach it.
    String advertised(int port) {
        return advertise + ":" + port;
    }
}
