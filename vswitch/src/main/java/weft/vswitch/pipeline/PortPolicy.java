package weft.vswitch.pipeline;

import weft.fabric.GroupRule.Direction;
import weft.fabric.PortBinding;
import weft.runtime.Owned;
import weft.vswitch.policy.Firewall;
import weft.vswitch.policy.RuleSet;
import weft.vswitch.policy.Ruling;

import java.util.Collection;
import java.util.Objects;

/// Where the pipeline asks ports' firewalls: when a frame has come from a port and was not for the
/// network itself, and when it is to go to one. Answers of the network itself are not asked for,
/// and what a tunnel brings was judged by its sender's host.
@Owned("the switch's loop")
final class PortPolicy {
    private static final long AGEING_PERIOD_NANOS = 1_000_000_000L;

    /// Shorter than any connection's lifetime: one that begins meanwhile is not forgotten late.
    private static final long AGEING_PERIOD_IDLE_NANOS = 10_000_000_000L;

    /// Connections forgotten at a time: about 0.2 ms, in which frames wait.
    private static final int FORGOTTEN_MAX = 1000;

    private static final long NEXT_PART_NANOS = 1_000_000;

    private final long secret;
    private long dueNanos;

    /// @param secret what makes firewalls' hashes unforeseeable
    PortPolicy(long secret) {
        this.secret = secret;
    }

    /// Gives the port the rules of its record.
    void connect(PluggedPort port, PortBinding binding, long nowNanos) {
        if (port.station == null && binding.groups().isEmpty()) {
            port.firewall = null; // a record of another time: as its addresses, it is not judged
            return;
        }
        RuleSet rules = Objects.requireNonNull(port.domain).groups.rulesOf(binding);
        Firewall known = port.firewall;
        if (known != null) {
            known.setRules(rules);
            return;
        }
        port.firewall = new Firewall(port.id, rules, secret);
        if (port.framesFromDevice.get() > 0) {
            port.pickUpConnections(nowNanos); // it was not judged until now
        }
    }

    /// The stage for what a port sends.
    static Verdict rulesOut(FrameInHand frame) {
        PluggedPort port = frame.port;
        Firewall firewall = port == null ? null : port.firewall;
        if (firewall == null) {
            return Verdict.Pass.PASS;
        }
        Ruling ruling = firewall.judge(frame.ethernet, Direction.OUT, frame.nowNanos);
        return ruling == Ruling.PASS ? Verdict.Pass.PASS : Verdict.Drop.of(reason(ruling));
    }

    /// The stage for what is for one port here.
    static Verdict rulesIn(FrameInHand frame, Verdict.Deliver deliver) {
        Firewall firewall = deliver.port().firewall;
        if (firewall == null) {
            return deliver;
        }
        Ruling ruling = firewall.judge(frame.ethernet, Direction.IN, frame.nowNanos);
        if (ruling == Ruling.PASS) {
            return deliver;
        }
        frame.blamed = deliver.port();
        return Verdict.Drop.of(reason(ruling));
    }

    /// Whether the port takes a copy of a flooded frame. One that it does not take is counted, but
    /// not among the outcomes of frames.
    static boolean letsIn(FrameInHand frame, PluggedPort port, SwitchCounters counters) {
        Firewall firewall = port.firewall;
        if (firewall == null || firewall.judgeCopy(frame.ethernet, frame.nowNanos) == Ruling.PASS) {
            return true;
        }
        counters.countDrop(DropReason.COPY_DENIED, true);
        port.drops.add(DropReason.COPY_DENIED);
        return false;
    }

    private static DropReason reason(Ruling ruling) {
        return switch (ruling) {
            case PASS -> throw new AssertionError("not a reason to drop");
            case DENIED_OUT -> DropReason.DENIED_OUT;
            case DENIED_IN -> DropReason.DENIED_IN;
            case NO_CONNECTION -> DropReason.NO_CONNECTION;
            case CONNECTIONS_FULL -> DropReason.CONNECTIONS_FULL;
            case FRAGMENT_UNKNOWN -> DropReason.FRAGMENT_UNKNOWN;
            case MALFORMED -> DropReason.MALFORMED_PACKET;
        };
    }

    /// Forgets connections whose time is over, a part of them at a time.
    ///
    /// @return when to do so again
    long age(Collection<PluggedPort> ports, long nowNanos) {
        if (nowNanos - dueNanos < 0) {
            return dueNanos;
        }
        int left = FORGOTTEN_MAX;
        long remembered = 0;
        for (PluggedPort port : ports) {
            Firewall firewall = port.firewall;
            if (firewall != null) {
                left -= firewall.age(nowNanos, left);
                remembered += firewall.size();
            }
        }
        long period = remembered == 0 ? AGEING_PERIOD_IDLE_NANOS : AGEING_PERIOD_NANOS;
        dueNanos = nowNanos + (left == 0 ? NEXT_PART_NANOS : period);
        return dueNanos;
    }
}
