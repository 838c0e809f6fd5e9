package weft.vswitch.pipeline;

/// What the whole switch counted. Frames from ports and tunnels are either forwarded or dropped:
/// `received == forwarded + drops`, where copies that the socket refused
/// ([DropReason#UNDERLAY_REFUSED]) and frames that found a ring full ([DropReason#RING_FULL]) are
/// outside of the sum.
public final class SwitchCounters {
    private final Tally received = new Tally();
    private final Tally forwarded = new Tally();
    private final Tally[] drops = new Tally[DropReason.values().length];

    SwitchCounters() {
        for (int i = 0; i < drops.length; i++) {
            drops[i] = new Tally();
        }
    }

    void countReceived() {
        received.add(1);
    }

    void countForwarded() {
        forwarded.add(1);
    }

    void countDrop(DropReason reason) {
        drops[reason.ordinal()].add(1);
    }

    /// Frames taken from ports and datagrams taken from the underlay.
    public long received() {
        return received.get();
    }

    /// Frames with a verdict other than a drop.
    public long forwarded() {
        return forwarded.get();
    }

    /// Frames dropped for this reason, on all ports and tunnels. Ring-full drops are counted at the
    /// ports, by their devices.
    public long drops(DropReason reason) {
        return drops[reason.ordinal()].get();
    }
}
