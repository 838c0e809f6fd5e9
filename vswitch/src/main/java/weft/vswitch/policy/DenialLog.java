package weft.vswitch.policy;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.runtime.Owned;

/// Tells what a port's rules did not let pass: one packet in ten seconds by its addresses, and how
/// many others there were. All are counted, by reason; whoever is denied cannot fill a disk.
@Owned("the switch's loop")
final class DenialLog {
    private static final Logger log = LoggerFactory.getLogger(DenialLog.class);
    private static final long PERIOD_NANOS = 10_000_000_000L;

    private final String port;
    private boolean hasTold;
    private long toldNanos;
    private long untold;

    DenialLog(String port) {
        this.port = port;
    }

    void note(Ruling ruling, PacketView packet, long nowNanos) {
        if (hasTold && nowNanos - toldNanos < PERIOD_NANOS) {
            untold++;
            return;
        }
        log.info(
                "port {}: {} of protocol {} from {} port {} to {} port {}, and {} others since the"
                        + " last line",
                port,
                ruling == Ruling.DENIED_OUT ? "denied_out" : "denied_in",
                packet.protocol(),
                Addresses.text(packet.sourceHigh(), packet.sourceLow()),
                packet.sourcePort(),
                Addresses.text(packet.destinationHigh(), packet.destinationLow()),
                packet.destinationPort(),
                untold);
        hasTold = true;
        toldNanos = nowNanos;
        untold = 0;
    }
}
