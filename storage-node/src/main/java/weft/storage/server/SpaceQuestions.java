package weft.storage.server;

import weft.fabric.PlacementGroupId;
import weft.fabric.VolumeId;
import weft.runtime.Loop;
import weft.storage.store.Store;
import weft.transport.Caller;
import weft.wire.audit.AuditMessage;
import weft.wire.audit.AuditMessage.LayerSpace;
import weft.wire.audit.AuditMessage.Space;
import weft.wire.audit.AuditMessage.SpaceRequest;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;

/// Tells what the store takes of its disk, layer by layer. An answer looks at all chunks, each
/// group locked for as long as its own take: on a thread of its own, one after the other.
final class SpaceQuestions implements AutoCloseable {
    /// Beyond that, who asks is told to ask again.
    private static final int WAITING_MAX = 64;

    private final Store store;
    private final ReplicaDirectory replicas;
    private final Loop loop;
    private final AtomicInteger waiting = new AtomicInteger();

    SpaceQuestions(Store store, ReplicaDirectory replicas) {
        this.store = store;
        this.replicas = replicas;
        loop = new Loop("space-" + store.id());
    }

    /// Answers in a moment. Any thread.
    void ask(SpaceRequest request, Caller caller) {
        if (waiting.incrementAndGet() > WAITING_MAX) {
            waiting.decrementAndGet();
            caller.fail("too many ask at once: ask again");
            return;
        }
        loop.execute(() -> {
            waiting.decrementAndGet();
            caller.reply(answer(request));
        });
    }

    private Space answer(SpaceRequest request) {
        var byLayer = new TreeMap<VolumeId, Long>(Comparator.comparingLong(VolumeId::value));
        for (PlacementGroupId pg : store.groups()) {
            if (leads(pg)) {
                store.addStoredBytes(pg, byLayer);
            }
        }
        var untold = request.after().map(layer -> byLayer.tailMap(layer, false)).orElse(byLayer);
        List<LayerSpace> told = new ArrayList<>();
        for (var layer : untold.entrySet()) {
            if (told.size() == AuditMessage.LAYERS_MAX) {
                break;
            }
            told.add(new LayerSpace(layer.getKey(), layer.getValue()));
        }
        boolean last = told.size() == untold.size();
        return new Space(store.id(), store.usedBytes(), store.freeBytes(), told, last);
    }

    private boolean leads(PlacementGroupId pg) {
        return replicas.configurationOf(pg)
                .filter(now -> now.primary().store().equals(store.id()))
                .isPresent();
    }

    @Override
    public void close() {
        loop.close();
    }
}
