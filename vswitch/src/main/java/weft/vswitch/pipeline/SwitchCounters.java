package weft.vswitch.pipeline;

import weft.vswitch.port.SwitchReport;

/// What the whole switch counted. Frames from ports and tunnels are forwarded, answered or dropped:
/// `received == forwarded + answered + drops`, where copies that the socket refused or a port did
/// not let in and frames that found a ring full are outside of the sum ([DropReason#isOfFrames]).
public final class SwitchCounters {
    private final Tally received = new Tally();
    private final Tally forwarded = new Tally();
    private final Tally answered = new Tally();
    private final DropTallies drops = new DropTallies();
    private final DropTallies tunnelDrops = new DropTallies();

    SwitchCounters() {}

    void countReceived() {
        received.add(1);
    }

    void countForwarded() {
        forwarded.add(1);
    }

    void countAnswered() {
        answered.add(1);
    }

    void countDrop(DropReason reason, boolean isFromPort) {
        drops.add(reason);
        if (!isFromPort) {
            tunnelDrops.add(reason);
        }
    }

    /// Frames taken from ports and datagrams taken from the underlay.
    public long received() {
        return received.get();
    }

    /// Frames with a verdict other than a drop.
    public long forwarded() {
        return forwarded.get();
    }

    /// Frames that were for the switch itself, and that it answered or noted.
    public long answered() {
        return answered.get();
    }

    /// Frames dropped for this reason, on all ports and tunnels. Ring-full drops are counted at the
    /// ports, by their devices.
    public long drops(DropReason reason) {
        return drops.get(reason);
    }

    /// All that was counted.
    public SwitchReport report() {
        return new SwitchReport(
                received(), forwarded(), answered(), drops.counts(), tunnelDrops.counts());
    }
}
