package weft.transport;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;

/// What the transport counts.
final class TransportMeters {
    final Counter connectionsOpened;
    final Counter handshakesRefused;
    final Counter garbage;
    final Counter messagesIn;
    final Counter messagesOut;
    final Counter bytesIn;
    final Counter bytesOut;
    final Counter dropped;
    final Counter readPauses;

    TransportMeters(MeterRegistry registry) {
        connectionsOpened = registry.counter("weft.transport.connections.opened");
        handshakesRefused = registry.counter("weft.transport.handshakes.refused");
        garbage = registry.counter("weft.transport.garbage");
        messagesIn = registry.counter("weft.transport.messages", "direction", "in");
        messagesOut = registry.counter("weft.transport.messages", "direction", "out");
        bytesIn = registry.counter("weft.transport.bytes", "direction", "in");
        bytesOut = registry.counter("weft.transport.bytes", "direction", "out");
        dropped = registry.counter("weft.transport.messages.dropped");
        readPauses = registry.counter("weft.transport.read.pauses");
    }
}
