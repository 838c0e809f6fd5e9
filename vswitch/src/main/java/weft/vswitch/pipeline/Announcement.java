package weft.vswitch.pipeline;

import weft.vswitch.packet.RarpAnnouncement;

/// A port's series of RARP broadcasts, some of them sent.
final class Announcement {
    final PluggedPort port;
    final byte[] frame;
    private final long startNanos;
    private int sentCount;

    Announcement(PluggedPort port, long nowNanos) {
        this.port = port;
        frame = RarpAnnouncement.of(port.mac);
        startNanos = nowNanos;
    }

    long nextNanos() {
        return startNanos + RarpAnnouncement.SCHEDULE_MILLIS[sentCount] * 1_000_000L;
    }

    /// Notes that one was sent, and answers whether it was the last.
    boolean countSent() {
        return ++sentCount == RarpAnnouncement.SCHEDULE_MILLIS.length;
    }
}
