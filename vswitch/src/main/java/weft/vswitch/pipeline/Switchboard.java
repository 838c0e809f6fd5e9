package weft.vswitch.pipeline;

import org.jspecify.annotations.Nullable;

import weft.fabric.Ipv4Interface;
import weft.fabric.MacAddress;
import weft.fabric.Network;
import weft.fabric.NodeId;
import weft.fabric.PortBinding;
import weft.fabric.SecurityGroup;
import weft.runtime.FreshIds;
import weft.runtime.Owned;
import weft.vswitch.l2.MacTable;
import weft.vswitch.packet.EthernetView;
import weft.vswitch.packet.PartialChecksum;
import weft.vswitch.packet.VxlanHeader;
import weft.vswitch.port.ForwardingImage;
import weft.vswitch.port.FrameSink;
import weft.vswitch.port.FrameSink.Direction;
import weft.vswitch.port.NetworkCounters;
import weft.vswitch.port.SwitchPort.Receiver;
import weft.vswitch.service.Answer;
import weft.vswitch.service.Station;
import weft.vswitch.underlay.Underlay;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/// Ports, networks and tunnels, and what carries verdicts out: the whole switch but its thread and
/// its socket.
///
/// Budget of a frame: what a device sends is copied once into its port's ring; from there to
/// another port here it is not copied again, nor to a tunnel. A super-frame whose receiver takes
/// none is cut: copied once more, and its checksums are worked out ([Handover]). Nothing is
/// allocated per frame: verdicts exist beforehand, tables are keyed by primitive longs.
///
/// Invariant: a frame reaches only ports and VTEPs of the [Domain] it entered in.
@Owned("the switch's loop")
public final class Switchboard {
    /// How long the host a MAC left may pass frames on after the image says that it left: a
    /// tombstone's life and the time its own image may be late.
    private static final long FORMER_HOST_NANOS = 2 * Tombstone.LIFE_NANOS;

    private static final long UNTIL_NEXT_IMAGE_NANOS = Long.MAX_VALUE / 4;
    private static final long AGEING_PERIOD_NANOS = 10_000_000_000L;

    private final NodeId here;
    private final int mtuBytes;
    private final Pipeline pipeline;
    private final SwitchCounters counters = new SwitchCounters();
    private final PortPolicy policy = new PortPolicy(FreshIds.positive());
    private final FrameInHand inHand = new FrameInHand();
    private final Captures captures = new Captures(inHand);
    private final Handover handover;
    private final Map<String, Domain> domains = new HashMap<>();
    private final MacTable<Domain> domainsByVni = new MacTable<>();
    private final Map<String, PluggedPort> ports = new HashMap<>();
    private final List<Tombstone> tombstones = new ArrayList<>();
    private final List<Announcement> announcements = new ArrayList<>();
    private ForwardingImage image = ForwardingImage.EMPTY;
    private long nextAgeingNanos;

    /// @param frameBytesMax the largest frame from or to anyone
    /// @param underlayMtuBytes the largest IP packet that travels unfragmented between hosts
    public Switchboard(NodeId here, int frameBytesMax, int underlayMtuBytes, Underlay underlay) {
        this.here = here;
        int tunnelFrameBytesMax = underlayMtuBytes - VxlanHeader.OVERHEAD_BYTES;
        pipeline = new Pipeline(frameBytesMax);
        handover = new Handover(inHand, underlay, frameBytesMax, tunnelFrameBytesMax);
        mtuBytes = Math.min(frameBytesMax, tunnelFrameBytesMax) - EthernetView.HEADER_BYTES;
    }

    /// The longest IP packet that passes everywhere in a network; any thread.
    public int mtuBytes() {
        return mtuBytes;
    }

    /// What was counted; readable from any thread.
    public SwitchCounters counters() {
        return counters;
    }

    /// What was counted in one network; all zero if it is not in the image.
    public NetworkCounters counters(String network) {
        Domain domain = domains.get(network);
        return domain == null ? new NetworkCounters(0, 0, 0, 0) : domain.counters();
    }

    /// Takes a new picture of the fabric.
    public void apply(ForwardingImage newImage, long nowNanos) {
        Map<String, @Nullable Vtep> formerHosts = new HashMap<>();
        ports.forEach((id, port) -> formerHosts.put(id, hostVtep(port)));
        image = newImage;
        Map<String, List<PortBinding>> byNetwork = new HashMap<>();
        for (PortBinding binding : image.bindings()) {
            byNetwork.computeIfAbsent(binding.network(), name -> new ArrayList<>()).add(binding);
        }
        Map<String, List<SecurityGroup>> groups =
                image.groups().stream().collect(Collectors.groupingBy(SecurityGroup::network));
        Map<String, Domain> before = new HashMap<>(domains);
        domains.clear();
        domainsByVni.clear();
        for (Network network : image.networks()) {
            Domain known = before.get(network.name());
            Domain domain =
                    known != null && known.network.equals(network)
                            ? known
                            : new Domain(network, here);
            domain.compile(
                    byNetwork.getOrDefault(network.name(), List.of()),
                    groups.getOrDefault(network.name(), List.of()),
                    image.vteps(),
                    image.externalVteps().getOrDefault(network.name(), List.of()));
            domains.put(network.name(), domain);
            domainsByVni.put(network.vni(), domain);
        }
        for (PluggedPort port : ports.values()) {
            connect(port, nowNanos);
            noteFormerHost(port, formerHosts.get(port.id), nowNanos);
        }
        domains.values().forEach(domain -> domain.gatherUsablePorts(ports.values()));
        tombstones.replaceAll(this::withWay);
        tombstones.forEach(this::show);
    }

    private @Nullable Vtep hostVtep(PluggedPort port) {
        Domain.Bound bound = bound(port);
        return bound == null ? null : bound.host();
    }

    private static Domain.@Nullable Bound bound(PluggedPort port) {
        Domain domain = port.domain;
        return domain == null ? null : domain.binding(port.mac.bits());
    }

    /// Puts the port into its network's domain, if there is one, and asks whether it is the MAC's
    /// place.
    private void connect(PluggedPort port, long nowNanos) {
        Domain wanted = domains.get(port.network);
        Domain current = port.domain;
        if (current != wanted) {
            if (current != null) {
                current.removePort(port);
            }
            if (wanted != null) {
                wanted.addPort(port);
            }
        }
        Domain.Bound bound = bound(port);
        port.isCurrent =
                bound == null
                        || here.equals(bound.binding().host())
                        || here.equals(bound.binding().next());
        Ipv4Interface ipv4 = bound == null ? null : bound.ipv4();
        if (bound != null) { // without a record it keeps what it had: no guard falls
            port.station = ipv4 == null ? null : Station.of(port.id, port.mac, ipv4, mtuBytes);
            policy.connect(port, bound.binding(), nowNanos);
        }
    }

    private void noteFormerHost(PluggedPort port, @Nullable Vtep before, long nowNanos) {
        Domain.Bound bound = bound(port);
        if (bound == null) {
            return;
        }
        if (here.equals(bound.binding().next()) && bound.host() != null) {
            port.former = bound.host();
            port.formerUntilNanos = nowNanos + UNTIL_NEXT_IMAGE_NANOS;
        } else if (here.equals(bound.binding().host()) && before != null) {
            port.former = before;
            port.formerUntilNanos = nowNanos + FORMER_HOST_NANOS;
        } else if (!here.equals(bound.binding().host())) {
            port.former = null;
        }
    }

    /// Adds a port in standby.
    ///
    /// @throws IllegalStateException if its id is plugged, or its MAC in its network
    public PluggedPort plug(
            String id, String network, MacAddress mac, Receiver receiver, long nowNanos) {
        for (PluggedPort other : ports.values()) {
            if (other.id.equals(id) || other.mac.equals(mac) && other.network.equals(network)) {
                throw new IllegalStateException(
                        "port %s (%s in %s): port %s is plugged already"
                                .formatted(id, mac, network, other.id));
            }
        }
        var port = new PluggedPort(id, network, mac, receiver);
        ports.put(id, port);
        connect(port, nowNanos);
        noteFormerHost(port, null, nowNanos);
        return port;
    }

    /// Lets the port send and receive. A tombstone for its MAC has no meaning any more.
    public void activate(String id) {
        PluggedPort port = known(id);
        port.isOpen = true;
        tombstones.removeIf(tombstone ->
                tombstone.mac() == port.mac.bits() && tombstone.network().equals(port.network));
        Domain domain = port.domain;
        if (domain != null) {
            domain.unbury(port.mac.bits());
            domain.gatherUsablePorts(ports.values());
        }
    }

    /// Puts the port back into standby: its VM is paused for good or for the last step of a move.
    public void deactivate(String id) {
        PluggedPort port = known(id);
        port.isOpen = false;
        announcements.removeIf(announcement -> announcement.port == port);
        Domain domain = port.domain;
        if (domain != null) {
            domain.gatherUsablePorts(ports.values());
        }
    }

    /// Puts the port into standby and sends its frames after it, for two seconds.
    ///
    /// @param epoch the VM's epoch on its new host
    public void bury(String id, NodeId newHost, long epoch, long nowNanos) {
        deactivate(id);
        PluggedPort port = known(id);
        var tombstone =
                new Tombstone(
                        port.network,
                        port.mac.bits(),
                        newHost,
                        epoch,
                        nowNanos + Tombstone.LIFE_NANOS,
                        null);
        for (Tombstone older : tombstones) {
            if (older.mac() == tombstone.mac()
                    && older.network().equals(tombstone.network())
                    && older.epoch() > epoch) {
                return;
            }
        }
        tombstones.removeIf(older ->
                older.mac() == tombstone.mac() && older.network().equals(tombstone.network()));
        Tombstone shown = withWay(tombstone);
        tombstones.add(shown);
        show(shown);
    }

    private Tombstone withWay(Tombstone tombstone) {
        InetSocketAddress address = image.vteps().get(tombstone.newHost());
        boolean isElsewhere = address != null && !tombstone.newHost().equals(here);
        return new Tombstone(
                tombstone.network(),
                tombstone.mac(),
                tombstone.newHost(),
                tombstone.epoch(),
                tombstone.untilNanos(),
                isElsewhere
                        ? new Verdict.Tunnel(
                                new Vtep(Objects.requireNonNull(address), tombstone.newHost()))
                        : null);
    }

    private void show(Tombstone tombstone) {
        Domain domain = domains.get(tombstone.network());
        if (domain != null) {
            domain.bury(tombstone);
        }
    }

    /// Removes the port. Its tombstone, if it has one, lives on.
    public void unplug(String id) {
        deactivate(id);
        PluggedPort port = known(id);
        ports.remove(id);
        Domain domain = port.domain;
        if (domain != null) {
            domain.removePort(port);
        }
    }

    /// Starts to tell the network, several times, that the port's MAC is here.
    public void announce(String id, long nowNanos) {
        announcements.add(new Announcement(known(id), nowNanos));
        tick(nowNanos);
    }

    /// Does what time demands.
    ///
    /// @return when it demands something again
    public long tick(long nowNanos) {
        for (int i = announcements.size() - 1; i >= 0; i--) {
            Announcement announcement = announcements.get(i);
            if (nowNanos - announcement.nextNanos() >= 0) {
                if (announcement.countSent()) {
                    announcements.remove(i);
                }
                byte[] frame = announcement.frame;
                fromPort(announcement.port, frame, 0, frame.length, nowNanos);
            }
        }
        if (nowNanos - nextAgeingNanos >= 0) {
            nextAgeingNanos = nowNanos + AGEING_PERIOD_NANOS;
            domains.values().forEach(domain -> domain.age(nowNanos));
            tombstones.removeIf(tombstone -> nowNanos - tombstone.untilNanos() >= 0);
        }
        long next = Math.min(nextAgeingNanos, policy.age(ports.values(), nowNanos));
        for (Announcement announcement : announcements) {
            next = Math.min(next, announcement.nextNanos());
        }
        return next;
    }

    private PluggedPort known(String id) {
        PluggedPort port = ports.get(id);
        if (port == null) {
            throw new IllegalStateException("port " + id + " is not plugged here");
        }
        return port;
    }

    /// Starts a capture; `sink` itself is the key to stop it.
    public void tap(FrameSink.Scope scope, FrameSink sink) {
        captures.add(scope, sink);
    }

    /// Ends a capture.
    public void untap(FrameSink sink) {
        captures.remove(sink);
    }

    /// Takes a complete frame that a device sent. The bytes, and the 12 before them where there are
    /// so many, may be overwritten; they are the caller's again when it returns.
    public void fromPort(
            PluggedPort port, byte[] bytes, int offset, int lengthBytes, long nowNanos) {
        takeFromPort(port, bytes, offset, lengthBytes, nowNanos);
        carryOut(pipeline.decide(inHand));
    }

    /// Takes what a device sent, with its header ([weft.vswitch.packet.OffloadHeader]) before it:
    /// hostile, like the packet. The bytes of both may be overwritten; they are the caller's again
    /// when it returns.
    public void packetFromPort(
            PluggedPort port, byte[] bytes, int offset, int lengthBytes, long nowNanos) {
        takeFromPort(port, bytes, offset, lengthBytes, nowNanos);
        if (handover.takeOffload()) {
            carryOut(pipeline.decide(inHand));
        } else {
            drop(DropReason.BAD_OFFLOAD);
        }
    }

    private void takeFromPort(
            PluggedPort port, byte[] bytes, int offset, int lengthBytes, long nowNanos) {
        counters.countReceived();
        port.framesFromDevice.add(1);
        port.bytesFromDevice.add(lengthBytes);
        Domain domain = port.domain;
        if (domain != null) {
            domain.framesFromPorts.add(1);
        }
        inHand.ethernet.over(bytes, offset, lengthBytes);
        inHand.fromPort(port, nowNanos);
        captures.show(Direction.FROM_PORT, port.network, port, null);
    }

    /// Takes a datagram from the underlay: hostile bytes, from anyone who can reach the socket.
    public void fromUnderlay(
            InetAddress source, byte[] bytes, int offset, int lengthBytes, long nowNanos) {
        counters.countReceived();
        int vni = VxlanHeader.vni(bytes, offset, lengthBytes);
        if (vni == VxlanHeader.NO_VNI) {
            counters.countDrop(DropReason.BAD_VXLAN, false);
            return;
        }
        Domain domain = domainsByVni.get(vni);
        if (domain == null) {
            counters.countDrop(DropReason.UNKNOWN_VNI, false);
            return;
        }
        Vtep vtep = domain.memberAt(source, nowNanos);
        if (vtep == null) {
            counters.countDrop(DropReason.FOREIGN_VTEP, false);
            return;
        }
        domain.framesFromTunnels.add(1);
        int headerBytes = VxlanHeader.SIZE_BYTES;
        inHand.ethernet.over(bytes, offset + headerBytes, lengthBytes - headerBytes);
        inHand.fromTunnel(vtep, domain, nowNanos);
        captures.show(Direction.FROM_TUNNEL, domain.network.name(), null, vtep);
        if (PartialChecksum.note(inHand.ethernet)) {
            inHand.isComplete = false;
        }
        carryOut(pipeline.decide(inHand));
    }

    private void carryOut(Verdict verdict) {
        switch (verdict) {
            case Verdict.Drop drop -> drop(drop.reason());
            case Verdict.Deliver deliver -> {
                deliver(deliver.port());
                counters.countForwarded();
            }
            case Verdict.Tunnel tunnel -> {
                send(tunnel.vtep());
                counters.countForwarded();
            }
            case Verdict.Flood flood -> {
                flood(flood.domain());
                counters.countForwarded();
            }
            case Verdict.Reply reply -> {
                counters.countAnswered();
                reply(reply.answer());
            }
            case Verdict.Taken _ -> counters.countAnswered();
            case Verdict.Pass _ -> throw new AssertionError("a pipeline ends in a decision");
        }
    }

    private void drop(DropReason reason) {
        PluggedPort port = inHand.blamed;
        counters.countDrop(reason, port != null);
        if (port != null) {
            port.drops.add(reason);
        }
    }

    private void deliver(PluggedPort port) {
        // The receiver may plug, unplug or send to this switch again: what is in hand stays as it
        // is
        // because whatever it sends goes through its ring.
        assert port.domain == inHand.domain;
        port.framesToDevice.add(1);
        port.bytesToDevice.add(inHand.ethernet.lengthBytes());
        Domain domain = port.domain;
        if (domain != null) {
            domain.framesToPorts.add(1);
        }
        captures.show(Direction.TO_PORT, port.network, port, null);
        handover.toDevice(port);
    }

    private void reply(Answer answer) {
        PluggedPort port = Objects.requireNonNull(inHand.port, "stations are behind ports");
        inHand.ethernet.over(answer.bytes(), 0, answer.lengthBytes());
        inHand.isComplete = true;
        inHand.isSuperFrame = false;
        deliver(port);
    }

    private void flood(Domain domain) {
        PluggedPort from = inHand.port;
        for (PluggedPort port : domain.usablePorts()) {
            if (port != from && PortPolicy.letsIn(inHand, port, counters)) {
                deliver(port);
            }
        }
        if (from != null) {
            for (Vtep vtep : domain.floodVteps()) {
                send(vtep);
            }
        }
    }

    private void send(Vtep vtep) {
        Domain domain = Objects.requireNonNull(inHand.domain, "membership has passed");
        if (!handover.toTunnel(vtep, domain.network.vni())) {
            drop(DropReason.UNDERLAY_REFUSED);
            return;
        }
        domain.framesToTunnels.add(1);
        captures.show(Direction.TO_TUNNEL, domain.network.name(), null, vtep);
    }
}
