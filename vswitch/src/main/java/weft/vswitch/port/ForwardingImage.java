package weft.vswitch.port;

import weft.fabric.FabricImage;
import weft.fabric.MacAddress;
import weft.fabric.Network;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.PortBinding;
import weft.fabric.SecurityGroup;
import weft.transport.NodeAddress;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// All a switch knows of the fabric, replaced as a whole: never changed.
///
/// @param networks names and VNIs are unique
/// @param bindings MACs are unique within a network; a binding to a network that is not in
///   `networks` has no effect
/// @param vteps where each host's switch listens; each host has an IP address of its own, because a
///   VTEP is known by its address alone (source ports of VXLAN say nothing)
/// @param externalVteps per network: VTEPs that are not ours (a kernel's vxlan device, a hardware
///   VTEP). Only behind them are MACs learned from frames.
/// @param groups what may pass which ports, but for the networks' default groups
public record ForwardingImage(
        List<Network> networks,
        List<PortBinding> bindings,
        Map<NodeId, InetSocketAddress> vteps,
        Map<String, List<InetSocketAddress>> externalVteps,
        List<SecurityGroup> groups) {
    /// A fabric without networks.
    public static final ForwardingImage EMPTY =
            new ForwardingImage(List.of(), List.of(), Map.of(), Map.of());

    public ForwardingImage {
        networks = List.copyOf(networks);
        bindings = List.copyOf(bindings);
        vteps = Map.copyOf(vteps);
        Map<String, List<InetSocketAddress>> externals = new HashMap<>();
        externalVteps.forEach((network, list) -> externals.put(network, List.copyOf(list)));
        externalVteps = Map.copyOf(externals);
        groups = List.copyOf(groups);
        checkNetworks(networks);
        checkBindings(bindings);
        checkVteps(vteps, externalVteps);
    }

    /// Without groups but the default ones.
    public ForwardingImage(
            List<Network> networks,
            List<PortBinding> bindings,
            Map<NodeId, InetSocketAddress> vteps,
            Map<String, List<InetSocketAddress>> externalVteps) {
        this(networks, bindings, vteps, externalVteps, List.of());
    }

    /// What switches need of the fabric. A host keeps the VTEP that `previous` has for it while its
    /// presence is away: who has lost its coordination session still forwards.
    ///
    /// @throws IllegalArgumentException if the records contradict each other
    public static ForwardingImage of(FabricImage fabric, ForwardingImage previous) {
        Map<NodeId, InetSocketAddress> present = new TreeMap<>();
        for (NodePresence presence : fabric.presences().values()) {
            if (presence.role() == NodePresence.Role.HOST && !presence.vtep().isEmpty()) {
                present.put(presence.node(), address(presence));
            }
        }
        Map<NodeId, InetSocketAddress> vteps = new HashMap<>(present);
        previous.vteps.forEach((host, address) -> {
            if (!present.containsValue(address)) {
                vteps.putIfAbsent(host, address);
            }
        });
        return new ForwardingImage(
                List.copyOf(fabric.networks().values()),
                List.copyOf(fabric.ports().values()),
                vteps,
                previous.externalVteps,
                List.copyOf(fabric.groups().values()));
    }

    private static InetSocketAddress address(NodePresence presence) {
        return NodeAddress.parse(presence.vtep())
                .orElseThrow(() ->
                        new IllegalArgumentException(
                                "host %s: VTEP address '%s' is not host:port"
                                        .formatted(presence.node(), presence.vtep())));
    }

    private static void checkNetworks(List<Network> networks) {
        Set<String> names = new HashSet<>();
        Set<Integer> vnis = new HashSet<>();
        for (Network network : networks) {
            if (!names.add(network.name()) || !vnis.add(network.vni())) {
                throw new IllegalArgumentException(
                        "network %s: its name or VNI %d is used twice"
                                .formatted(network.name(), network.vni()));
            }
        }
    }

    private static void checkBindings(List<PortBinding> bindings) {
        record Station(String network, MacAddress mac) {}
        Set<Station> stations = new HashSet<>();
        for (PortBinding binding : bindings) {
            if (!stations.add(new Station(binding.network(), binding.mac()))) {
                throw new IllegalArgumentException(
                        "port %s: MAC %s is bound twice in network %s"
                                .formatted(binding.port(), binding.mac(), binding.network()));
            }
        }
    }

    private static void checkVteps(
            Map<NodeId, InetSocketAddress> vteps,
            Map<String, List<InetSocketAddress>> externalVteps) {
        Map<InetAddress, NodeId> owners = new HashMap<>();
        vteps.forEach((host, address) -> {
            NodeId other = owners.put(resolved(address), host);
            if (other != null) {
                throw new IllegalArgumentException(
                        "hosts %s and %s share the VTEP address %s: give each its own"
                                .formatted(other, host, address.getAddress()));
            }
        });
        for (List<InetSocketAddress> list : externalVteps.values()) {
            for (InetSocketAddress address : list) {
                NodeId host = owners.get(resolved(address));
                if (host != null) {
                    throw new IllegalArgumentException(
                            "external VTEP %s is the address of host %s".formatted(address, host));
                }
            }
        }
    }

    private static InetAddress resolved(InetSocketAddress address) {
        if (address.isUnresolved()) {
            throw new IllegalArgumentException("VTEP address " + address + " is not resolved");
        }
        return address.getAddress();
    }
}
