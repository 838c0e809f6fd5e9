package weft.ops.node;

import org.jspecify.annotations.Nullable;

import weft.fabric.FailureDomain;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Optional;

/// Where one part of the fabric runs.
///
/// @param folder its own state
/// @param zookeeper the coordination's connect string
/// @param listen its address for Weft's own connections; its other listeners use the same host
/// @param advertise the host name or address under which others reach it
/// @param nbdPort of a storage node; 0 takes a free one
/// @param vtepPort of a host; VXLAN's 4789 if others than ours are to join
/// @param metricsPort 0 takes a free one
/// @param offer what a host gives to VMs
/// @param nbdTls of a storage node: the folder of its certificate, if its exports take TLS only
/// @param domain where a storage node stands, when its store is new
public record NodeOptions(
        NodeId node,
        Path folder,
        String zookeeper,
        InetSocketAddress listen,
        String advertise,
        int nbdPort,
        int vtepPort,
        int metricsPort,
        HostOffer offer,
        Optional<Path> nbdTls,
        FailureDomain domain) {
    /// The same with this folder; null for connections in the clear.
    public NodeOptions withNbdTls(@Nullable Path folder) {
        return new NodeOptions(
                node,
                this.folder,
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
                folder,
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
