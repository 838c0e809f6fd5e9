package weft.storage.server;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;

import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.Refused;

import java.util.EnumMap;
import java.util.Map;

/// What a storage node counts.
final class StorageMeters {
    private final Counter writes;
    private final Counter writtenBytes;
    private final Counter reads;
    private final Counter readBytes;
    private final Map<Refused.Reason, Counter> refused = new EnumMap<>(Refused.Reason.class);
    final Counter transitions;
    final Counter proposals;
    final Counter failures;
    final Counter layersDropped;
    final Counter blocksRepaired;
    final Counter blocksLost;
    final Counter chunksDiffering;
    final Counter storeFailures;
    final Counter messagesDropped;

    StorageMeters(MeterRegistry registry) {
        writes = registry.counter("weft.storage.requests", "kind", "write");
        writtenBytes = registry.counter("weft.storage.bytes", "direction", "written");
        reads = registry.counter("weft.storage.requests", "kind", "read");
        readBytes = registry.counter("weft.storage.bytes", "direction", "read");
        for (Refused.Reason reason : Refused.Reason.values()) {
            String name = reason.name().toLowerCase(java.util.Locale.ROOT);
            refused.put(reason, registry.counter("weft.storage.refused", "reason", name));
        }
        transitions = registry.counter("weft.storage.replica.transitions");
        proposals = registry.counter("weft.storage.configurations.proposed");
        failures = registry.counter("weft.storage.replica.failures");
        layersDropped = registry.counter("weft.storage.layers.dropped");
        blocksRepaired = registry.counter("weft.storage.blocks.repaired");
        messagesDropped = registry.counter("weft.storage.messages.dropped");
        storeFailures = registry.counter("weft.storage.store.failures");
        chunksDiffering = registry.counter("weft.storage.chunks.differing");
        blocksLost = registry.counter("weft.storage.blocks.lost");
    }

    void count(StorageMessage.Request request, int payloadBytes) {
        switch (request) {
            case StorageMessage.WriteBlocks _ -> {
                writes.increment();
                writtenBytes.increment(payloadBytes);
            }
            case StorageMessage.MapBlocks _ -> reads.increment();
            case StorageMessage.ReadBlocks read -> {
                reads.increment();
                readBytes.increment(read.lengthBytes());
            }
        }
    }

    void countRefused(Refused.Reason reason) {
        Counter counter = refused.get(reason);
        if (counter != null) {
            counter.increment();
        }
    }
}
