package weft.vswitch.pipeline;

import org.jspecify.annotations.Nullable;

import weft.fabric.Ipv4Interface;
import weft.fabric.Network;
import weft.fabric.NodeId;
import weft.fabric.PortBinding;
import weft.fabric.SecurityGroup;
import weft.runtime.Owned;
import weft.vswitch.l2.LearnedMacs;
import weft.vswitch.l2.MacTable;
import weft.vswitch.policy.NetworkGroups;
import weft.vswitch.port.NetworkCounters;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// One network as this switch sees it: its ports here, its bindings, the VTEPs that have to do with
/// it.
///
/// All tables are of this network only; a frame that is looked up in its own domain cannot find the
/// way into another. Compiled anew from each image; what was learned stays while the network and
/// all its external VTEPs do.
@Owned("the switch's loop")
final class Domain {
    /// Where a bound MAC lives, seen from here.
    ///
    /// @param host the VTEP of its host; null if stopped, here, or unknown
    /// @param next the VTEP of the host it moves to; null if it does not move or moves here
    /// @param verdict what happens to unicast frames for it when no usable port here has it
    /// @param ipv4 its address; null if the record has none that can be read
    record Bound(
            PortBinding binding,
            @Nullable Vtep host,
            @Nullable Vtep next,
            Verdict verdict,
            @Nullable Ipv4Interface ipv4) {
        boolean isAt(Vtep vtep) {
            return vtep.equals(host) || vtep.equals(next);
        }
    }

    /// [#macOf] of an address that no running VM has.
    static final long NO_MAC = 0;

    final Network network;
    final NetworkGroups groups = new NetworkGroups();
    final Verdict.Flood flood = new Verdict.Flood(this);
    final Tally framesFromPorts = new Tally();
    final Tally framesToPorts = new Tally();
    final Tally framesFromTunnels = new Tally();
    final Tally framesToTunnels = new Tally();

    private final NodeId here;
    private final MacTable<Bound> bindings = new MacTable<>();
    private final MacTable<Bound> running = new MacTable<>(); // by IPv4 address
    private final MacTable<PluggedPort> ports = new MacTable<>();
    private final MacTable<Tombstone> tombstones = new MacTable<>();
    private final LearnedMacs<Verdict.Tunnel> learned = new LearnedMacs<>();
    private final Map<InetAddress, Vtep> vteps = new HashMap<>();
    private final Map<Vtep, Verdict.Tunnel> tunnels = new HashMap<>();
    private PluggedPort[] usablePorts = {};
    private Vtep[] floodVteps = {};

    Domain(Network network, NodeId here) {
        this.network = network;
        this.here = here;
    }

    /// Takes the bindings, VTEPs and groups of a new image.
    void compile(
            List<PortBinding> ofNetwork,
            List<SecurityGroup> groupsOfNetwork,
            Map<NodeId, InetSocketAddress> hostVteps,
            List<InetSocketAddress> externals) {
        groups.compile(network.name(), groupsOfNetwork, ofNetwork);
        Set<Vtep> members = new LinkedHashSet<>();
        externals.forEach(address -> members.add(new Vtep(address, null)));
        bindings.clear();
        running.clear();
        tunnels.clear();
        for (PortBinding binding : ofNetwork) {
            Vtep host = vtepOf(binding.host(), hostVteps);
            Vtep next = vtepOf(binding.next(), hostVteps);
            if (host != null) {
                members.add(host);
            }
            if (next != null) {
                members.add(next);
            }
            Ipv4Interface ipv4 = ipv4(binding);
            var bound = new Bound(binding, host, next, verdict(binding, host), ipv4);
            bindings.put(binding.mac().bits(), bound);
            if (binding.host() != null && ipv4 != null) {
                running.put(ipv4.address(), bound);
            }
        }
        if (!members.containsAll(externalsOf(vteps.values()))) {
            learned.clear();
        }
        vteps.clear();
        members.forEach(vtep -> vteps.put(vtep.address().getAddress(), vtep));
        floodVteps = members.toArray(Vtep[]::new);
    }

    private static @Nullable Ipv4Interface ipv4(PortBinding binding) {
        try {
            return Ipv4Interface.parse(binding.ipv4());
        } catch (IllegalArgumentException e) {
            return null; // a record of another time; the frames of such a port still pass
        }
    }

    private @Nullable Vtep vtepOf(@Nullable NodeId host, Map<NodeId, InetSocketAddress> hostVteps) {
        if (host == null || host.equals(here)) {
            return null;
        }
        InetSocketAddress address = hostVteps.get(host);
        return address == null ? null : new Vtep(address, host);
    }

    private Verdict verdict(PortBinding binding, @Nullable Vtep host) {
        if (host != null) {
            return tunnel(host);
        }
        NodeId owner = binding.host();
        boolean isElsewhere = owner != null && !owner.equals(here);
        return Verdict.Drop.of(isElsewhere ? DropReason.NO_VTEP : DropReason.DESTINATION_DOWN);
    }

    private static List<Vtep> externalsOf(Iterable<Vtep> all) {
        List<Vtep> externals = new ArrayList<>();
        for (Vtep vtep : all) {
            if (vtep.isExternal()) {
                externals.add(vtep);
            }
        }
        return externals;
    }

    private Verdict.Tunnel tunnel(Vtep vtep) {
        return tunnels.computeIfAbsent(vtep, Verdict.Tunnel::new);
    }

    void addPort(PluggedPort port) {
        ports.put(port.mac.bits(), port);
        port.domain = this;
    }

    void removePort(PluggedPort port) {
        if (ports.get(port.mac.bits()) == port) {
            ports.remove(port.mac.bits());
        }
        port.domain = null;
    }

    /// To be called when ports came, went, or changed their usability.
    void gatherUsablePorts(Iterable<PluggedPort> all) {
        List<PluggedPort> usable = new ArrayList<>();
        for (PluggedPort port : all) {
            if (port.domain == this && port.isUsable()) {
                usable.add(port);
            }
        }
        usablePorts = usable.toArray(PluggedPort[]::new);
    }

    PluggedPort[] usablePorts() {
        return usablePorts;
    }

    Vtep[] floodVteps() {
        return floodVteps;
    }

    @Nullable PluggedPort port(long mac) {
        return ports.get(mac);
    }

    @Nullable Bound binding(long mac) {
        return bindings.get(mac);
    }

    /// The link address of the VM that has this address and runs, anywhere; or [#NO_MAC].
    long macOf(int ipv4) {
        Bound bound = running.get(ipv4);
        return bound == null ? NO_MAC : bound.binding().mac().bits();
    }

    /// The VTEP of this network with that address: of a host that has ports of it, an external one,
    /// or of a host that one of the ports here has just left (its tombstone may still send).
    @Nullable Vtep memberAt(InetAddress address, long nowNanos) {
        Vtep member = vteps.get(address);
        return member != null ? member : formerHostAt(address, nowNanos);
    }

    private @Nullable Vtep formerHostAt(InetAddress address, long nowNanos) {
        for (PluggedPort port : usablePorts) {
            Vtep former = port.former;
            if (former != null
                    && nowNanos - port.formerUntilNanos < 0
                    && former.address().getAddress().equals(address)) {
                return former;
            }
        }
        return null;
    }

    void learn(long mac, Vtep vtep, long nowNanos) {
        learned.learn(mac, tunnel(vtep), nowNanos);
    }

    /// The way to an address seen behind an external VTEP, or null.
    Verdict.@Nullable Tunnel learned(long mac, long nowNanos) {
        return learned.find(mac, nowNanos);
    }

    void bury(Tombstone tombstone) {
        tombstones.put(tombstone.mac(), tombstone);
    }

    void unbury(long mac) {
        tombstones.remove(mac);
    }

    @Nullable Tombstone tombstone(long mac, long nowNanos) {
        Tombstone found = tombstones.get(mac);
        return found == null || nowNanos - found.untilNanos() >= 0 ? null : found;
    }

    NetworkCounters counters() {
        return new NetworkCounters(
                framesFromPorts.get(),
                framesToPorts.get(),
                framesFromTunnels.get(),
                framesToTunnels.get());
    }

    /// Forgets what is too old; called now and then, not per frame.
    void age(long nowNanos) {
        learned.age(nowNanos);
    }
}
