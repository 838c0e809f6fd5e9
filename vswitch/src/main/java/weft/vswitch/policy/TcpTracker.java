package weft.vswitch.policy;

import static weft.vswitch.policy.Connections.ACKED;
import static weft.vswitch.policy.Connections.END;
import static weft.vswitch.policy.Connections.SCALE;
import static weft.vswitch.policy.Connections.STATE;
import static weft.vswitch.policy.Connections.WINDOW_END;
import static weft.vswitch.policy.Connections.WINDOW_MAX;

import weft.fabric.GroupRule.Direction;
import weft.runtime.Owned;

/// Which segments belong to a TCP connection: van Rooij's "Real Stateful TCP Packet Filtering", as
/// pf, Linux and Open vSwitch have it, with the resets of RFC 5961.
///
/// Both sides are followed alike, so simultaneous opens and closes need no case of their own:
///
/// ```
/// UNSEEN ─SYN─► SYN_SENT ─it is acknowledged─► OPEN ─FIN─► FIN_SENT ─it is acknowledged─► FIN_ACKED
///    └─picked up from the middle─────────────────┘
/// both: ─RST of exactly the next number─► RESET
/// ```
///
/// Of each side four numbers are known: END, the highest it has sent; WINDOW_END, the highest that
/// the other side has room for; WINDOW_MAX, the most it ever had room for itself; ACKED, the
/// highest it has acknowledged. A segment of a *sender* belongs to the connection if, modulo 2^32,
///
/// 1. its end is not above the sender's WINDOW_END (but for one byte: a probe of a closed window)
/// 2. its end is not further below the sender's END than the receiver's WINDOW_MAX
/// 3. what it acknowledges is not above the receiver's END
/// 4. what it acknowledges is not further below that than the sender's WINDOW_MAX, or 66,000
///
/// Lengths come from the IP header, so segments that are still to be cut (64 KiB) count as what
/// they are.
@Owned("the switch's loop")
final class TcpTracker {
    static final int UNSEEN = 0;
    static final int SYN_SENT = 1;
    static final int OPEN = 2;
    static final int FIN_SENT = 3;
    static final int FIN_ACKED = 4;
    static final int RESET = 5;

    /// Linux's: acknowledgements may be late by so much even if windows are small.
    private static final int LATE_ACK_BYTES = 66_000;

    /// What an acknowledgement of a SYN may leave out: data that came with it (RFC 7413).
    private static final int SYN_DATA_MAX = 0xffff;

    /// [Connections#SCALE] of a side that was not seen to begin: as large as it may be.
    private static final int SCALE_UNKNOWN = 14;

    /// A window of which nothing is known: the largest that TCP can have.
    private static final int WINDOW_UNKNOWN = 0xffff << SCALE_UNKNOWN;

    /// What becomes of a segment.
    enum Outcome {
        BELONGS,
        /// It passes, but says nothing of the connection: the receiver decides.
        PASSES,
        INVALID,
        /// The connection is over, and this begins another one.
        BEGINS_ANEW
    }

    private final Connections connections;

    TcpTracker(Connections connections) {
        this.connections = connections;
    }

    /// Flags that no sender sets together; some receivers take one for the other.
    static boolean isImpossible(PacketView segment) {
        boolean isSyn = segment.has(PacketView.SYN);
        boolean isFin = segment.has(PacketView.FIN);
        boolean isRst = segment.has(PacketView.RST);
        boolean isAck = segment.has(PacketView.ACK);
        int ends = (isSyn ? 1 : 0) + (isFin ? 1 : 0) + (isRst ? 1 : 0);
        return ends > 1 || !isAck && !isSyn && !isRst;
    }

    /// Takes the SYN that begins a connection.
    void open(int entry, Direction way, PacketView syn) {
        int scale = syn.windowScale();
        int end = syn.sequence() + 1 + syn.segmentBytes();
        set(entry, way, STATE, SYN_SENT);
        set(entry, way, END, end);
        set(entry, way, WINDOW_END, end);
        set(entry, way, WINDOW_MAX, Math.max(1, syn.window()));
        set(entry, way, SCALE, scale);
        set(entry, way.opposite(), ACKED, syn.sequence()); // nothing of it yet
    }

    /// Takes a segment from the middle of a connection that was not seen to begin, because its VM
    /// was elsewhere. Of windows only an upper bound is known, until it ends.
    void pickUp(int entry, Direction way, PacketView segment) {
        Direction back = way.opposite();
        int end = endOf(segment);
        int window = Math.max(1, segment.window() << SCALE_UNKNOWN);
        connections.mark(entry, Connections.PICKED_UP);
        set(entry, way, STATE, OPEN);
        set(entry, way, END, end);
        set(entry, way, WINDOW_END, end + WINDOW_UNKNOWN);
        set(entry, way, WINDOW_MAX, window);
        set(entry, way, SCALE, SCALE_UNKNOWN);
        set(entry, way, ACKED, segment.acknowledgement());
        set(entry, back, STATE, OPEN);
        set(entry, back, END, segment.acknowledgement());
        set(entry, back, WINDOW_END, segment.acknowledgement() + window);
        set(entry, back, WINDOW_MAX, WINDOW_UNKNOWN);
        set(entry, back, SCALE, SCALE_UNKNOWN);
        set(entry, back, ACKED, segment.sequence());
        if (segment.has(PacketView.FIN)) {
            set(entry, way, STATE, FIN_SENT);
        }
    }

    /// Takes a segment of a connection that is known; [#isImpossible] ones are not to come here.
    Outcome follow(int entry, Direction way, PacketView segment) {
        boolean isSyn = segment.has(PacketView.SYN);
        if (isSyn && !segment.has(PacketView.ACK)) {
            return syn(entry, way, segment);
        }
        if (segment.isFirstOfMore()) {
            // How long the whole is nobody knows yet: TCP in fragments is rare, and not compared.
            connections.mark(entry, Connections.UNCHECKED);
        }
        if (segment.has(PacketView.RST)) {
            return reset(entry, way, segment);
        }
        boolean isAnswer = get(entry, way.opposite(), STATE) != UNSEEN;
        if (!isAnswer || isSyn && !isAcceptableSynAck(entry, way, segment)) {
            return Outcome.INVALID;
        }
        if (get(entry, way, STATE) == UNSEEN || !isWithin(entry, way, segment)) {
            return Outcome.INVALID;
        }
        note(entry, way, segment);
        return Outcome.BELONGS;
    }

    /// A SYN without ACK: again, of both sides at once, or of a side that has forgotten.
    private Outcome syn(int entry, Direction way, PacketView segment) {
        if (isOver(entry)) {
            return Outcome.BEGINS_ANEW;
        }
        Direction back = way.opposite();
        int own = get(entry, way, STATE);
        int other = get(entry, back, STATE);
        if (own <= SYN_SENT && other <= SYN_SENT) {
            if (own == UNSEEN) {
                open(entry, way, segment); // both at once (RFC 9293, 3.5)
                set(entry, back, WINDOW_END, get(entry, back, END));
                return Outcome.BELONGS;
            }
            if (other == UNSEEN) {
                open(entry, way, segment); // again, or with other numbers as nobody has answered
                return Outcome.BELONGS;
            }
        }
        // Whoever has forgotten the connection begins another with the same ports. The receiver
        // answers what it knows of (RFC 5961, 4); if it has forgotten too, it accepts.
        if (way != connections.initiator(entry)) {
            return own == SYN_SENT ? Outcome.PASSES : Outcome.INVALID;
        }
        connections.setRestart(entry, segment.sequence() + 1);
        return Outcome.PASSES;
    }

    /// The first segment of the side that did not begin, or the same again.
    private boolean isAcceptableSynAck(int entry, Direction way, PacketView segment) {
        Direction back = way.opposite();
        int own = get(entry, way, STATE);
        int other = get(entry, back, STATE);
        if (isRestart(entry, way, segment)) {
            restart(entry, way, segment);
            return true;
        }
        int unacknowledged = get(entry, back, END) - segment.acknowledgement();
        if (other == SYN_SENT && (unacknowledged < 0 || unacknowledged > SYN_DATA_MAX)) {
            return false;
        }
        if (own == UNSEEN) {
            open(entry, way, segment);
        }
        if (own <= SYN_SENT && other == SYN_SENT) {
            agreeOnScales(entry);
        }
        return true;
    }

    /// Whether it answers a SYN that came when the connection was open: both sides have forgotten
    /// it.
    private boolean isRestart(int entry, Direction way, PacketView synAck) {
        int restart = connections.restart(entry);
        return restart != 0
                && way != connections.initiator(entry)
                && restart == synAck.acknowledgement()
                && get(entry, way, STATE) >= OPEN
                && !isWithin(entry, way, synAck);
    }

    /// Windows are scaled only if both said so (RFC 7323, 2.2).
    private void agreeOnScales(int entry) {
        if (get(entry, Direction.IN, SCALE) < 0 || get(entry, Direction.OUT, SCALE) < 0) {
            set(entry, Direction.IN, SCALE, 0);
            set(entry, Direction.OUT, SCALE, 0);
        }
    }

    private void restart(int entry, Direction way, PacketView synAck) {
        Direction back = way.opposite();
        connections.setRestart(entry, 0);
        connections.mark(entry, Connections.PICKED_UP);
        open(entry, way, synAck);
        int end = synAck.acknowledgement();
        set(entry, back, STATE, SYN_SENT);
        set(entry, back, END, end);
        set(entry, back, WINDOW_END, end);
        set(entry, back, WINDOW_MAX, WINDOW_UNKNOWN);
        set(entry, way, SCALE, SCALE_UNKNOWN);
        set(entry, back, SCALE, SCALE_UNKNOWN);
        set(entry, way, ACKED, end);
    }

    /// A reset ends the connection if its number is the next that the receiver expects, as far as
    /// can be known here; elsewhere in the window it passes, for the receiver to ask back (RFC
    /// 5961, 3.2); all others are forged.
    private Outcome reset(int entry, Direction way, PacketView segment) {
        Direction back = way.opposite();
        int sequence = segment.sequence();
        boolean isExact;
        if (get(entry, way, STATE) == UNSEEN) {
            int unacknowledged = get(entry, back, END) - segment.acknowledgement();
            isExact =
                    segment.has(PacketView.ACK)
                            && unacknowledged >= 0
                            && unacknowledged <= SYN_DATA_MAX;
            if (!isExact) {
                return Outcome.INVALID;
            }
        } else {
            isExact = sequence == get(entry, back, ACKED) || sequence == get(entry, way, END);
        }
        if (!isExact) {
            boolean isWithin =
                    connections.has(entry, Connections.UNCHECKED)
                            || sequence - get(entry, back, ACKED) >= 0
                                    && sequence - get(entry, way, WINDOW_END) <= 0;
            return isWithin ? Outcome.PASSES : Outcome.INVALID;
        }
        set(entry, way, STATE, RESET);
        set(entry, back, STATE, RESET);
        return Outcome.BELONGS;
    }

    private boolean isWithin(int entry, Direction way, PacketView segment) {
        if (connections.has(entry, Connections.UNCHECKED)) {
            return true;
        }
        Direction back = way.opposite();
        int end = endOf(segment);
        if (end - get(entry, way, WINDOW_END) > 1) {
            return false;
        }
        int late = get(entry, way, END) - end;
        if (late > get(entry, back, WINDOW_MAX) + 1) {
            return false;
        }
        if (!segment.has(PacketView.ACK) || get(entry, back, STATE) == UNSEEN) {
            return true;
        }
        int acknowledgement = segment.acknowledgement();
        // What passed while the VM was elsewhere may be acknowledged here.
        boolean isPickedUp = connections.has(entry, Connections.PICKED_UP);
        int sent = get(entry, back, isPickedUp ? WINDOW_END : END);
        int lateAckMax = Math.max(LATE_ACK_BYTES, get(entry, way, WINDOW_MAX));
        return acknowledgement - sent <= 0
                && get(entry, back, END) - acknowledgement <= lateAckMax + SYN_DATA_MAX;
    }

    /// Takes over what a segment of the connection says.
    private void note(int entry, Direction way, PacketView segment) {
        Direction back = way.opposite();
        raise(entry, way, END, endOf(segment));
        int scale = segment.has(PacketView.SYN) ? 0 : Math.max(0, get(entry, way, SCALE));
        int window = segment.window() << scale;
        if (window > get(entry, way, WINDOW_MAX)) {
            set(entry, way, WINDOW_MAX, window);
        }
        if (segment.has(PacketView.ACK)) {
            int acknowledgement = segment.acknowledgement();
            raise(entry, way, ACKED, acknowledgement);
            raise(entry, back, WINDOW_END, acknowledgement + Math.max(1, window));
            if (connections.has(entry, Connections.PICKED_UP)) {
                raise(entry, back, END, acknowledgement);
            }
            becomeAcknowledged(entry, back, acknowledgement);
        }
        int state = get(entry, way, STATE);
        if (segment.has(PacketView.FIN) && state < FIN_SENT) {
            set(entry, way, STATE, FIN_SENT);
        }
    }

    private void becomeAcknowledged(int entry, Direction side, int acknowledgement) {
        int state = get(entry, side, STATE);
        if (state == SYN_SENT) {
            set(entry, side, STATE, OPEN);
        } else if (state == FIN_SENT && acknowledgement == get(entry, side, END)) {
            set(entry, side, STATE, FIN_ACKED);
        }
    }

    private void raise(int entry, Direction side, int field, int value) {
        if (value - get(entry, side, field) > 0) {
            set(entry, side, field, value);
        }
    }

    /// Whether an ICMP error about a segment with this number is about something that may be under
    /// way (RFC 5927, 4.1).
    boolean isUnderWay(int entry, Direction way, int sequence) {
        if (connections.has(entry, Connections.UNCHECKED)) {
            return true;
        }
        if (get(entry, way, STATE) == UNSEEN) {
            return false;
        }
        int behind = get(entry, way, END) - sequence;
        int window = Math.max(LATE_ACK_BYTES, get(entry, way.opposite(), WINDOW_MAX));
        return behind >= 0 && behind <= window;
    }

    /// Whether nothing belongs to it any more but what is late.
    private boolean isOver(int entry) {
        int in = get(entry, Direction.IN, STATE);
        int out = get(entry, Direction.OUT, STATE);
        return in == RESET || in == FIN_ACKED && out == FIN_ACKED;
    }

    /// How long it is remembered in its present state.
    Lifetime lifetime(int entry) {
        int in = get(entry, Direction.IN, STATE);
        int out = get(entry, Direction.OUT, STATE);
        int lower = Math.min(in, out);
        int higher = Math.max(in, out);
        if (lower >= FIN_ACKED) {
            return Lifetime.TCP_CLOSED;
        }
        if (lower >= FIN_SENT) {
            return Lifetime.TCP_LAST_ACK;
        }
        if (lower < OPEN) {
            return Lifetime.TCP_OPENING;
        }
        return higher >= FIN_SENT ? Lifetime.TCP_HALF_CLOSED : Lifetime.TCP_ESTABLISHED;
    }

    /// The connection's state by RFC 9293's words, where it has one.
    String state(int entry) {
        int in = get(entry, Direction.IN, STATE);
        int out = get(entry, Direction.OUT, STATE);
        if (in == RESET) {
            return "reset";
        }
        return switch (lifetime(entry)) {
            case TCP_ESTABLISHED -> "established";
            case TCP_HALF_CLOSED -> "half_closed";
            case TCP_LAST_ACK -> "last_ack";
            case TCP_OPENING -> Math.min(in, out) == UNSEEN ? "syn_sent" : "syn_received";
            case TCP_CLOSED -> "time_wait";
            case UDP_UNANSWERED, UDP_ANSWERED, ICMP, OTHER ->
                    throw new AssertionError("not a lifetime of TCP");
        };
    }

    private static int endOf(PacketView segment) {
        int end = segment.sequence() + segment.segmentBytes();
        if (segment.has(PacketView.SYN)) {
            end++;
        }
        return segment.has(PacketView.FIN) ? end + 1 : end;
    }

    private int get(int entry, Direction side, int field) {
        return connections.get(entry, side, field);
    }

    private void set(int entry, Direction side, int field, int value) {
        connections.set(entry, side, field, value);
    }
}
