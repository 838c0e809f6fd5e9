package weft.storage.nbd;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/// What the NBD server counts.
final class NbdMeters {
    private final MeterRegistry registry;
    private final String listen;
    private final List<Meter> all = new ArrayList<>();
    private final Counter reads;
    private final Counter writes;
    private final Counter flushes;
    private final Counter trims;
    private final Counter zeroes;
    private final Counter others;
    private final Counter readBytes;
    private final Counter writtenBytes;
    private final Counter errors;
    private final Counter garbage;
    private final Counter accepted;
    private final AtomicInteger connectionCount = new AtomicInteger();

    /// @param listen tells the servers of one process apart
    NbdMeters(MeterRegistry registry, String listen, InFlightBudget budget) {
        this.registry = registry;
        this.listen = listen;
        reads = requests("read");
        writes = requests("write");
        flushes = requests("flush");
        trims = requests("trim");
        zeroes = requests("write_zeroes");
        others = requests("other");
        readBytes = bytes("read");
        writtenBytes = bytes("write");
        errors =
                counter(
                        Counter.builder("weft_nbd_errors")
                                .description("Requests answered with an error"));
        garbage =
                counter(
                        Counter.builder("weft_nbd_garbage_connections")
                                .description(
                                        "Connections closed because what came was not NBD, or"
                                                + " nothing"));
        accepted =
                counter(
                        Counter.builder("weft_nbd_accepted_connections")
                                .description("Connections taken"));
        all.add(
                Gauge.builder("weft_nbd_open_connections", connectionCount, AtomicInteger::get)
                        .description("Connections that are open")
                        .tag("listen", listen)
                        .register(registry));
        all.add(
                Gauge.builder("weft_nbd_in_flight_bytes", budget, InFlightBudget::takenBytes)
                        .description("Bytes of requests and replies under way")
                        .tag("listen", listen)
                        .register(registry));
    }

    private Counter requests(String type) {
        return counter(
                Counter.builder("weft_nbd_requests")
                        .description("Requests taken")
                        .tag("type", type));
    }

    private Counter bytes(String direction) {
        return counter(
                Counter.builder("weft_nbd_bytes")
                        .description("Payload of requests taken")
                        .tag("direction", direction));
    }

    private Counter counter(Counter.Builder builder) {
        Counter counter = builder.tag("listen", listen).register(registry);
        all.add(counter);
        return counter;
    }

    void removeAll() {
        all.forEach(registry::remove);
    }

    void opened() {
        accepted.increment();
        connectionCount.incrementAndGet();
    }

    void closed() {
        connectionCount.decrementAndGet();
    }

    int connectionCount() {
        return connectionCount.get();
    }

    void countGarbage() {
        garbage.increment();
    }

    void countError() {
        errors.increment();
    }

    void countRequest(NbdRequest request) {
        switch (request.type()) {
            case NbdProtocol.CMD_READ -> {
                reads.increment();
                readBytes.increment(request.lengthBytes());
            }
            case NbdProtocol.CMD_WRITE -> {
                writes.increment();
                writtenBytes.increment(request.lengthBytes());
            }
            case NbdProtocol.CMD_FLUSH -> flushes.increment();
            case NbdProtocol.CMD_TRIM -> trims.increment();
            case NbdProtocol.CMD_WRITE_ZEROES -> zeroes.increment();
            default -> others.increment();
        }
    }
}
