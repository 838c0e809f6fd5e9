package weft.vswitch.pipeline;

import org.jspecify.annotations.Nullable;

import weft.fabric.MacAddress;
import weft.runtime.Owned;
import weft.vswitch.policy.Firewall;
import weft.vswitch.port.ConnectionReport;
import weft.vswitch.port.PortCounters;
import weft.vswitch.port.PortReport;
import weft.vswitch.port.PortState;
import weft.vswitch.port.SwitchPort.OffloadReceiver;
import weft.vswitch.port.SwitchPort.Receiver;
import weft.vswitch.service.Station;

import java.util.List;
import java.util.Map;

/// A port as the switch holds it. What frames may do depends on two fields that nothing else
/// stores: whether it is open (told by its owner) and whether it is current (told by the image).
@Owned("the switch's loop")
public final class PluggedPort {
    final String id;
    final String network;
    final MacAddress mac;
    final Receiver receiver;

    /// The receiver, if it can do more.
    final @Nullable OffloadReceiver offloadReceiver;

    final Verdict.Deliver deliver = new Verdict.Deliver(this);
    final Tally framesFromDevice = new Tally();
    final Tally bytesFromDevice = new Tally();
    final Tally framesToDevice = new Tally();
    final Tally bytesToDevice = new Tally();
    final DropTallies drops = new DropTallies();

    /// Written by the device's thread, which is why it is apart from `drops`.
    final Tally ringFull = new Tally();

    /// Sends and receives; a port in standby does neither.
    boolean isOpen;

    /// The image does not say that the MAC lives on another host.
    boolean isCurrent = true;

    /// What the network gave to the device; null if the image does not say. Its frames are then
    /// neither answered nor judged by their addresses.
    @Nullable Station station;

    /// What keeps to the rules of its groups; null if the image has no address for it and no
    /// groups.
    @Nullable Firewall firewall;

    /// The network, once the image has it.
    @Nullable Domain domain;

    /// Where the MAC lived before: until then that host may still pass frames on.
    @Nullable Vtep former;

    long formerUntilNanos;

    PluggedPort(String id, String network, MacAddress mac, Receiver receiver) {
        this.id = id;
        this.network = network;
        this.mac = mac;
        this.receiver = receiver;
        offloadReceiver = receiver instanceof OffloadReceiver able ? able : null;
    }

    boolean isUsable() {
        return isOpen && isCurrent;
    }

    /// Counts a frame that found the ring full; called by the device's thread.
    public void countRingFull() {
        ringFull.add(1);
    }

    /// Counts a frame that the device did not take; called by the switch's loop.
    public void countDeviceRefused() {
        drops.add(DropReason.DEVICE_REFUSED);
    }

    /// Frames that found the ring full; any thread.
    public long ringFullDrops() {
        return ringFull.get();
    }

    /// The port's counters; any thread.
    public PortCounters counters() {
        return new PortCounters(
                framesFromDevice.get(),
                bytesFromDevice.get(),
                framesToDevice.get(),
                bytesToDevice.get(),
                drops.sum() + ringFull.get());
    }

    /// All that there is to say of it.
    public PortReport report() {
        Map<String, Long> byReason = drops.counts();
        if (ringFull.get() > 0) {
            byReason.put(DropReason.RING_FULL.label(), ringFull.get());
        }
        return new PortReport(id, network, mac, state(), counters(), byReason);
    }

    /// Its VM has arrived from another host, where its connections were known.
    public void pickUpConnections(long nowNanos) {
        Firewall keeper = firewall;
        if (keeper != null) {
            keeper.pickUp(nowNanos);
        }
    }

    /// Some of its connections; see [Firewall#report].
    public List<ConnectionReport> connections(int from, int countMax, long nowNanos) {
        Firewall keeper = firewall;
        return keeper == null ? List.of() : keeper.report(from, countMax, nowNanos);
    }

    private PortState state() {
        if (domain == null) {
            return PortState.NO_NETWORK;
        }
        if (!isCurrent) {
            return PortState.STALE;
        }
        return isOpen ? PortState.OPEN : PortState.STANDBY;
    }
}
