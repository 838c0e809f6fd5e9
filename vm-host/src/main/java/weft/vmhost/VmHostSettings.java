package weft.vmhost;

import weft.fabric.NodeId;
import weft.vmhost.machine.EngineKind;

import java.net.InetSocketAddress;

/// What an operator sets of a host.
///
/// @param listen where other hosts and console clients connect
/// @param advertise the same as others reach it, `host:port`
/// @param vtep where its switch takes VXLAN, an address of this host's own
/// @param advertiseVtep the same as others reach it
/// @param metrics where its Prometheus page is, `host:port`; told to others, served elsewhere
/// @param memoryBytes what it offers to VMs
/// @param engine what executes their instructions
public record VmHostSettings(
        NodeId node,
        InetSocketAddress listen,
        String advertise,
        InetSocketAddress vtep,
        String advertiseVtep,
        String metrics,
        long memoryBytes,
        EngineKind engine) {}
