package weft.vswitch.pipeline;

import static weft.vswitch.port.SwitchPort.FRAME_BYTES_MAX;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

import weft.vswitch.packet.EthernetView;
import weft.vswitch.service.Station;

/// The stages of a frame, in their order: the design of the switch in one file.
///
/// 1. `wellFormed`: an Ethernet frame that a bridge may forward, untagged
/// 2. `membership`: its network exists
/// 3. `sourceGuard`: its sender is who it says
/// 4. `addressGuard`: its addresses are its sender's, and it does not play the network
/// 5. `services`: what the network is asked is answered here
/// 6. `rulesOut`: the groups of the port it came from let it pass
/// 7. `lookup`: where it goes
///
/// What goes to one port here has to be let in by that port's groups, too (`rulesIn`); of what is
/// flooded each port judges its copy, when it is carried out ([PortPolicy]).
///
/// A stage looks at the frame and at tables, and answers a [Verdict]; it changes nothing but the
/// table of learned MACs, and what firewalls know of connections. One invariant: no verdict leads
/// out of the frame's network, and none leads from a tunnel into a tunnel, but a [Tombstone]'s.
final class Pipeline {
    /// One decision about a frame.
    @FunctionalInterface
    interface Stage {
        Verdict consider(FrameInHand frame);
    }

    private final int frameBytesMax;
    private final AddressGuard guard = new AddressGuard();
    private final LocalServices services = new LocalServices();
    private final Stage[] stages = {
        this::wellFormed,
        Pipeline::membership,
        Pipeline::sourceGuard,
        this::addressGuard,
        this::services,
        PortPolicy::rulesOut,
        Pipeline::lookup
    };

    Pipeline(int frameBytesMax) {
        this.frameBytesMax = frameBytesMax;
    }

    Verdict decide(FrameInHand frame) {
        for (Stage stage : stages) {
            Verdict verdict = stage.consider(frame);
            if (verdict != Verdict.Pass.PASS) {
                return verdict instanceof Verdict.Deliver deliver
                        ? PortPolicy.rulesIn(frame, deliver)
                        : verdict;
            }
        }
        throw new AssertionError("lookup always decides");
    }

    private Verdict wellFormed(FrameInHand frame) {
        EthernetView ethernet = frame.ethernet;
        if (!ethernet.isComplete()) {
            return Verdict.Drop.of(DropReason.RUNT);
        }
        if (ethernet.lengthBytes() > (frame.isSuperFrame ? FRAME_BYTES_MAX : frameBytesMax)) {
            return Verdict.Drop.of(DropReason.OVERSIZE);
        }
        if (EthernetView.isReserved(ethernet.destination())) {
            return Verdict.Drop.of(DropReason.RESERVED_ADDRESS);
        }
        if (ethernet.isTagged()) {
            return Verdict.Drop.of(DropReason.TAGGED);
        }
        long source = ethernet.source();
        if (source == 0 || EthernetView.isMulticast(source)) {
            return Verdict.Drop.of(DropReason.BAD_SOURCE);
        }
        return Verdict.Pass.PASS;
    }

    private static Verdict membership(FrameInHand frame) {
        return frame.domain == null ? Verdict.Drop.of(DropReason.NO_NETWORK) : Verdict.Pass.PASS;
    }

    private static Verdict sourceGuard(FrameInHand frame) {
        PluggedPort port = frame.port;
        if (port == null) {
            return tunnelSourceGuard(frame);
        }
        if (!port.isOpen) {
            return Verdict.Drop.of(DropReason.PORT_STANDBY);
        }
        if (!port.isCurrent) {
            return Verdict.Drop.of(DropReason.STALE_PORT);
        }
        if (frame.ethernet.source() != port.mac.bits()) {
            return Verdict.Drop.of(DropReason.SPOOFED_SOURCE);
        }
        return Verdict.Pass.PASS;
    }

    private Verdict addressGuard(FrameInHand frame) {
        Station station = station(frame);
        return station == null ? Verdict.Pass.PASS : guard.consider(frame.ethernet, station);
    }

    private Verdict services(FrameInHand frame) {
        Station station = station(frame);
        return station == null
                ? Verdict.Pass.PASS
                : services.consider(
                        frame.ethernet,
                        station,
                        requireNonNull(frame.domain, "membership has passed"));
    }

    private static @Nullable Station station(FrameInHand frame) {
        PluggedPort port = frame.port;
        return port == null ? null : port.station;
    }

    /// A bound MAC is accepted from its host, and from the next one during a move: this fences what
    /// a host that lost the VM without knowing still sends. Others are learned behind external
    /// VTEPs.
    private static Verdict tunnelSourceGuard(FrameInHand frame) {
        Domain domain = requireNonNull(frame.domain, "membership has passed");
        Vtep vtep = requireNonNull(frame.vtep, "what is from no port is from a tunnel");
        long source = frame.ethernet.source();
        Domain.Bound bound = domain.binding(source);
        if (bound != null ? bound.isAt(vtep) : vtep.isExternal() && domain.port(source) == null) {
            if (bound == null) {
                domain.learn(source, vtep, frame.nowNanos);
            }
            return Verdict.Pass.PASS;
        }
        if (isPassedOnByFormerHost(frame, domain, vtep)) {
            return Verdict.Pass.PASS;
        }
        return Verdict.Drop.of(
                bound == null && !vtep.isExternal() && domain.port(source) == null
                        ? DropReason.UNBOUND_SOURCE
                        : DropReason.SPOOFED_SOURCE);
    }

    /// Whether a tombstone of the destination's former host sent it here: that host has checked the
    /// source when the frame entered.
    private static boolean isPassedOnByFormerHost(FrameInHand frame, Domain domain, Vtep vtep) {
        PluggedPort port = domain.port(frame.ethernet.destination());
        return port != null
                && vtep.equals(port.former)
                && frame.nowNanos - port.formerUntilNanos < 0
                && domain.port(frame.ethernet.source()) == null;
    }

    private static Verdict lookup(FrameInHand frame) {
        Domain domain = requireNonNull(frame.domain, "membership has passed");
        long destination = frame.ethernet.destination();
        if (EthernetView.isMulticast(destination)) {
            return domain.flood;
        }
        PluggedPort port = domain.port(destination);
        if (port != null && port.isUsable()) {
            return port == frame.port ? Verdict.Drop.of(DropReason.HAIRPIN) : port.deliver;
        }
        Tombstone tombstone = domain.tombstone(destination, frame.nowNanos);
        if (tombstone != null) {
            Verdict.Tunnel on = tombstone.tunnel();
            return on == null || on.vtep().equals(frame.vtep)
                    ? Verdict.Drop.of(DropReason.DESTINATION_DOWN)
                    : on;
        }
        Domain.Bound bound = domain.binding(destination);
        if (bound != null) {
            return towardsTunnel(frame, bound.verdict());
        }
        if (port != null) {
            return Verdict.Drop.of(DropReason.DESTINATION_DOWN);
        }
        Verdict.Tunnel learned = domain.learned(destination, frame.nowNanos);
        return learned == null ? domain.flood : towardsTunnel(frame, learned);
    }

    private static Verdict towardsTunnel(FrameInHand frame, Verdict verdict) {
        return frame.vtep != null && verdict instanceof Verdict.Tunnel
                ? Verdict.Drop.of(DropReason.SPLIT_HORIZON)
                : verdict;
    }
}
