package weft.vswitch.pipeline;

import org.jspecify.annotations.Nullable;

import weft.runtime.Owned;
import weft.vswitch.packet.EthernetView;

/// The frame being decided, and where it came from: one object, reused.
@Owned("the switch's loop")
final class FrameInHand {
    final EthernetView ethernet = new EthernetView();

    /// The port it came from, or null if it came from a tunnel.
    @Nullable PluggedPort port;

    /// The VTEP it came from, or null if it came from a port.
    @Nullable Vtep vtep;

    /// The port among whose drops it counts if it is dropped: where it came from, but for what the
    /// port that it is for does not let in. Null if it came from a tunnel.
    @Nullable PluggedPort blamed;

    @Nullable Domain domain;
    long nowNanos;

    /// Nothing is left to others: no [weft.vswitch.packet.OffloadHeader] need be looked at.
    boolean isComplete = true;

    /// It is many frames, none of which is too long.
    boolean isSuperFrame;

    FrameInHand fromPort(PluggedPort newPort, long newNowNanos) {
        port = newPort;
        blamed = newPort;
        vtep = null;
        domain = newPort.domain;
        nowNanos = newNowNanos;
        isComplete = true;
        isSuperFrame = false;
        return this;
    }

    FrameInHand fromTunnel(Vtep newVtep, Domain newDomain, long newNowNanos) {
        port = null;
        blamed = null;
        vtep = newVtep;
        domain = newDomain;
        nowNanos = newNowNanos;
        isComplete = true;
        isSuperFrame = false;
        return this;
    }
}
