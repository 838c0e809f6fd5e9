package weft.vswitch.policy;

import weft.fabric.GroupRule.Direction;
import weft.runtime.Owned;
import weft.vswitch.packet.EthernetView;
import weft.vswitch.policy.PacketView.Shape;
import weft.vswitch.port.ConnectionReport;

import java.util.ArrayList;
import java.util.List;

/// A port's firewall: rules say what may begin, and what belongs to something that has begun
/// passes.
///
/// What never comes here: ARP and DHCP, which the switch answers. What always passes: types other
/// than IP, and IPv6's neighbour discovery. What goes to a group, or is flooded, is judged by the
/// rules alone and begins nothing, for answers would come from other addresses.
///
/// A change of the rules gives them a new generation; a connection of an older one is compared with
/// the rules again when its next packet comes, and forgotten if they would not let it begin today.
/// Established connections so end with the rule that let them in, and nobody has to search for
/// them.
///
/// A TCP segment of no known connection is dropped: were it taken for a new one, whatever a rule
/// has just cut would go on in the other direction. Only for [#PICK_UP_NANOS] after the VM has
/// arrived from another host, where its connections were known, segments are taken as they come if
/// the rules would let one of both sides begin.
@Owned("the switch's loop")
public final class Firewall {
    /// How long after a VM's arrival its TCP connections are picked up: longer than they are silent
    /// that wait for a lost segment's fourth retransmission, or that send keep-alives each minute.
    public static final long PICK_UP_NANOS = 120_000_000_000L;

    private final String port;
    private final PacketView packet = new PacketView();
    private final FlowKey key = new FlowKey();
    private final Connections connections;
    private final TcpTracker tcp;
    private final Fragments fragments;
    private final DenialLog denials;
    private RuleSet rules;
    private int generation;
    private boolean picksUp;
    private long pickUpUntilNanos;

    /// @param secret unknown to all that send
    public Firewall(String port, RuleSet rules, long secret) {
        this.port = port;
        this.rules = rules;
        connections = new Connections(secret);
        tcp = new TcpTracker(connections);
        fragments = new Fragments(secret);
        denials = new DenialLog(port);
    }

    /// Takes other rules, or the same. If it is not just members of groups that changed,
    /// connections that are not known by now are not picked up any more.
    public void setRules(RuleSet newRules) {
        if (newRules == rules) {
            return;
        }
        if (!newRules.hasRulesOf(rules)) {
            picksUp = false;
        }
        rules = newRules;
        generation++;
    }

    /// The VM has arrived from where its connections were known.
    public void pickUp(long nowNanos) {
        picksUp = true;
        pickUpUntilNanos = nowNanos + PICK_UP_NANOS;
    }

    /// Judges a frame of the port's VM ([Direction#OUT]), or for it alone ([Direction#IN]).
    public Ruling judge(EthernetView frame, Direction way, long nowNanos) {
        Shape shape = packet.over(frame);
        Ruling ruling =
                switch (shape) {
                    case NOT_IP, NEIGHBOUR_DISCOVERY -> Ruling.PASS;
                    case MALFORMED -> Ruling.MALFORMED;
                    case LATER_FRAGMENT -> fragments.fate(packet, way, nowNanos);
                    case ICMP_ERROR -> error(way);
                    case TCP, OTHER ->
                            EthernetView.isMulticast(frame.destination())
                                    ? byRules(way)
                                    : connection(shape, way, nowNanos);
                };
        return concluded(ruling, shape, way, nowNanos);
    }

    /// Judges a copy of a flooded frame for the port's VM.
    public Ruling judgeCopy(EthernetView frame, long nowNanos) {
        Shape shape = packet.over(frame);
        Ruling ruling =
                switch (shape) {
                    case NOT_IP, NEIGHBOUR_DISCOVERY -> Ruling.PASS;
                    case MALFORMED -> Ruling.MALFORMED;
                    case LATER_FRAGMENT -> fragments.fate(packet, Direction.IN, nowNanos);
                    case ICMP_ERROR -> Ruling.NO_CONNECTION;
                    case TCP, OTHER -> byRules(Direction.IN);
                };
        return concluded(ruling, shape, Direction.IN, nowNanos);
    }

    private Ruling concluded(Ruling ruling, Shape shape, Direction way, long nowNanos) {
        if ((shape == Shape.TCP || shape == Shape.OTHER) && packet.isFirstOfMore()) {
            fragments.note(packet, way, ruling, nowNanos);
        }
        if (ruling == Ruling.DENIED_IN || ruling == Ruling.DENIED_OUT) {
            denials.note(ruling, packet, nowNanos);
        }
        return ruling;
    }

    private Ruling byRules(Direction way) {
        key.set(packet, way);
        return mayBegin(way) ? Ruling.PASS : denied(way);
    }

    private Ruling connection(Shape shape, Direction way, long nowNanos) {
        if (shape == Shape.TCP && TcpTracker.isImpossible(packet)) {
            return Ruling.NO_CONNECTION;
        }
        key.set(packet, way);
        int entry = connections.find(key);
        if (entry == Connections.NONE) {
            return unknown(shape, way, nowNanos);
        }
        Direction initiator = connections.initiator(entry);
        if (!isStillAllowed(entry, initiator)) {
            return denied(initiator);
        }
        return shape == Shape.TCP
                ? tcp(entry, way, nowNanos)
                : answerable(entry, way != initiator, way, nowNanos);
    }

    /// Compares a connection with the rules of today; [#key] is its key. What is not allowed any
    /// more is forgotten.
    private boolean isStillAllowed(int entry, Direction initiator) {
        if (connections.generation(entry) == generation) {
            return true;
        }
        if (mayBegin(initiator)) {
            connections.setGeneration(entry, generation);
            return true;
        }
        connections.remove(entry);
        picksUp = false; // else it would come back as begun by the other side
        return false;
    }

    private Ruling tcp(int entry, Direction way, long nowNanos) {
        return switch (tcp.follow(entry, way, packet)) {
            case BELONGS -> {
                connections.touch(entry, tcp.lifetime(entry), nowNanos);
                connections.count(entry, way);
                yield Ruling.PASS;
            }
            case PASSES -> {
                connections.count(entry, way);
                yield Ruling.PASS;
            }
            case INVALID -> Ruling.NO_CONNECTION;
            case BEGINS_ANEW -> {
                connections.remove(entry);
                yield unknown(Shape.TCP, way, nowNanos);
            }
        };
    }

    private Ruling answerable(int entry, boolean isAnswer, Direction way, long nowNanos) {
        if (isAnswer) {
            connections.mark(entry, Connections.ANSWERED);
        }
        connections.touch(entry, lifetime(entry), nowNanos);
        connections.count(entry, way);
        return Ruling.PASS;
    }

    private Lifetime lifetime(int entry) {
        return switch (packet.protocol()) {
            case PacketView.UDP ->
                    connections.has(entry, Connections.ANSWERED)
                            ? Lifetime.UDP_ANSWERED
                            : Lifetime.UDP_UNANSWERED;
            case PacketView.ICMP, PacketView.ICMPV6 -> Lifetime.ICMP;
            default -> Lifetime.OTHER;
        };
    }

    /// A packet of no connection: it may begin one.
    private Ruling unknown(Shape shape, Direction way, long nowNanos) {
        if (shape == Shape.TCP && !isOpening()) {
            return pickedUp(way, nowNanos);
        }
        boolean isAnswer = packet.queryType() != 0 && !packet.isQuery();
        if (isAnswer) {
            return lateAnswer(way, nowNanos);
        }
        return mayBegin(way) ? begun(shape, way, way, nowNanos) : denied(way);
    }

    private boolean isOpening() {
        return packet.has(PacketView.SYN) && !packet.has(PacketView.ACK);
    }

    private Ruling pickedUp(Direction way, long nowNanos) {
        boolean isPlain = !packet.has(PacketView.SYN) && !packet.has(PacketView.RST);
        if (!isPickingUp(nowNanos) || !isPlain) {
            return Ruling.NO_CONNECTION;
        }
        Direction initiator = mayBegin(way) ? way : way.opposite();
        return mayBegin(initiator)
                ? begun(Shape.TCP, way, initiator, nowNanos)
                : Ruling.NO_CONNECTION;
    }

    /// An answer to an ICMP query that was asked where the VM was before, or to none.
    private Ruling lateAnswer(Direction way, long nowNanos) {
        Direction asker = way.opposite();
        return isPickingUp(nowNanos) && mayBegin(asker)
                ? begun(Shape.OTHER, way, asker, nowNanos)
                : Ruling.NO_CONNECTION;
    }

    private boolean isPickingUp(long nowNanos) {
        return picksUp && nowNanos - pickUpUntilNanos < 0;
    }

    private Ruling begun(Shape shape, Direction way, Direction initiator, long nowNanos) {
        return begin(shape, way, initiator, nowNanos) == Connections.NONE
                ? Ruling.CONNECTIONS_FULL
                : Ruling.PASS;
    }

    private int begin(Shape shape, Direction way, Direction initiator, long nowNanos) {
        boolean isTcp = shape == Shape.TCP;
        Lifetime lifetime =
                switch (packet.protocol()) {
                    case PacketView.TCP -> Lifetime.TCP_OPENING;
                    case PacketView.UDP -> Lifetime.UDP_UNANSWERED;
                    case PacketView.ICMP, PacketView.ICMPV6 -> Lifetime.ICMP;
                    default -> Lifetime.OTHER;
                };
        int entry = connections.add(key, initiator, lifetime, nowNanos);
        if (entry == Connections.NONE) {
            return entry;
        }
        connections.setGeneration(entry, generation);
        connections.count(entry, way);
        if (isTcp && isOpening()) {
            tcp.open(entry, way, packet);
        } else if (isTcp) {
            tcp.pickUp(entry, way, packet);
            connections.touch(entry, tcp.lifetime(entry), nowNanos);
        }
        if (isTcp && packet.isFirstOfMore()) {
            connections.mark(entry, Connections.UNCHECKED);
        }
        return entry;
    }

    /// An error passes with the connection that it is about. It says nothing of that connection,
    /// for anyone can send it.
    private Ruling error(Direction way) {
        key.setQuoted(packet, way);
        boolean isToItsSender =
                packet.destinationLow() == packet.quoted().sourceLow
                        && packet.destinationHigh() == packet.quoted().sourceHigh;
        int entry = isToItsSender ? connections.find(key) : Connections.NONE;
        if (entry == Connections.NONE) {
            return Ruling.NO_CONNECTION;
        }
        Direction initiator = connections.initiator(entry);
        if (!isStillAllowed(entry, initiator)) {
            return denied(initiator);
        }
        boolean isAbout =
                packet.quoted().protocol != PacketView.TCP
                        || tcp.isUnderWay(entry, way.opposite(), packet.quoted().sequence);
        return isAbout ? Ruling.PASS : Ruling.NO_CONNECTION;
    }

    /// Whether rules let this side begin what [#key] says.
    private boolean mayBegin(Direction initiator) {
        int protocol = FlowKey.protocol(key.what);
        boolean hasPorts = protocol == PacketView.TCP || protocol == PacketView.UDP;
        int served =
                initiator == Direction.OUT
                        ? FlowKey.remotePort(key.what)
                        : FlowKey.localPort(key.what);
        return rules.allows(
                initiator, protocol, key.remoteHigh, key.remoteLow, hasPorts ? served : 0);
    }

    private static Ruling denied(Direction initiator) {
        return initiator == Direction.OUT ? Ruling.DENIED_OUT : Ruling.DENIED_IN;
    }

    /// Forgets connections whose time is over.
    ///
    /// @return how many, at most that many
    public int age(long nowNanos, int countMax) {
        return connections.age(nowNanos, countMax);
    }

    /// Connections that are remembered now.
    public int size() {
        return connections.size();
    }

    /// Some of the connections: those with a number from `from` on, ascending. Numbers stay, so
    /// what begins or ends while somebody asks for part after part does not move others.
    public List<ConnectionReport> report(int from, int countMax, long nowNanos) {
        List<ConnectionReport> reports = new ArrayList<>();
        int entry = connections.next(from);
        while (entry != Connections.NONE && reports.size() < countMax) {
            reports.add(report(entry, nowNanos));
            entry = connections.next(entry + 1);
        }
        return reports;
    }

    private ConnectionReport report(int entry, long nowNanos) {
        long what = connections.what(entry);
        int protocol = FlowKey.protocol(what);
        return new ConnectionReport(
                entry,
                protocol,
                connections.initiator(entry),
                Addresses.text(connections.localHigh(entry), connections.localLow(entry)),
                FlowKey.localPort(what),
                Addresses.text(connections.remoteHigh(entry), connections.remoteLow(entry)),
                FlowKey.remotePort(what),
                state(entry, protocol),
                nowNanos - connections.bornNanos(entry),
                nowNanos - connections.seenNanos(entry),
                connections.frames(entry, Direction.OUT),
                connections.frames(entry, Direction.IN));
    }

    private String state(int entry, int protocol) {
        if (protocol == PacketView.TCP) {
            return tcp.state(entry);
        }
        return connections.has(entry, Connections.ANSWERED) ? "answered" : "unanswered";
    }

    @Override
    public String toString() {
        return "firewall of " + port;
    }
}
