package weft.ops.node;

import weft.fabric.NodeId;

import java.net.InetSocketAddress;
import java.nio.file.Path;

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
public record NodeOptions(
        NodeId node,
        Path folder,
        String zookeeper,
        InetSocketAddress listen,
        String advertise,
        int nbdPort,
        int vtepPort,
        int metricsPort,
        HostOffer offer) {
    /// An address of this part on another port.
    InetSocketAddress at(int port) {
        return new InetSocketAddress(listen.getAddress(), port);
    }

    /// The same as others reach it.
    String advertised(int port) {
        return advertise + ":" + port;
    }
}
