package weft.volume;

import weft.coordination.StorageNodes;
import weft.fabric.NodeId;
import weft.fabric.StoreId;
import weft.fabric.VolumeId;
import weft.transport.Peers;
import weft.wire.audit.AuditMessage.LayerSpace;
import weft.wire.audit.AuditMessage.Space;
import weft.wire.audit.AuditMessage.SpaceRequest;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Asks storage nodes what they hold, for people: `weft pool df`.
public final class PoolSpace {
    private static final int ANSWER_SECONDS_MAX = 10;

    private final StorageNodes nodes;
    private final Peers peers;

    PoolSpace(StorageNodes nodes, Peers peers) {
        this.nodes = nodes;
        this.peers = peers;
    }

    /// One store.
    ///
    /// @param freeBytes what writes may still take of it
    public record StoreSpace(NodeId node, StoreId store, long usedBytes, long freeBytes) {}

    /// What was told.
    ///
    /// @param layers the bytes that each layer stores itself, in one copy
    /// @param silent nodes that did not answer: their layers are missing
    public record Result(List<StoreSpace> stores, Map<VolumeId, Long> layers, List<NodeId> silent) {
        public Result {
            stores = List.copyOf(stores);
            layers = Map.copyOf(layers);
            silent = List.copyOf(silent);
        }
    }

    /// Asks each node that is, or was, there. Blocks.
    public Result ask() throws IOException {
        List<StoreSpace> stores = new ArrayList<>();
        Map<VolumeId, Long> layers = new HashMap<>();
        List<NodeId> silent = new ArrayList<>();
        for (NodeId node : nodes.known().stream().sorted().toList()) {
            try {
                stores.add(ask(node, layers));
            } catch (ExecutionException | TimeoutException e) {
                silent.add(node);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted", e);
            }
        }
        return new Result(stores, layers, silent);
    }

    private StoreSpace ask(NodeId node, Map<VolumeId, Long> layers)
            throws IOException, ExecutionException, InterruptedException, TimeoutException {
        Optional<VolumeId> after = Optional.empty();
        Map<VolumeId, Long> told = new HashMap<>();
        while (true) {
            var answer =
                    peers.request(node, new SpaceRequest(after))
                            .get(ANSWER_SECONDS_MAX, TimeUnit.SECONDS);
            if (!(answer instanceof Space space)) {
                throw new IOException(node + " answered " + answer.getClass());
            }
            for (LayerSpace layer : space.layers()) {
                told.put(layer.layer(), layer.storedBytes());
                after = Optional.of(layer.layer());
            }
            if (space.last() || space.layers().isEmpty()) {
                told.forEach((layer, bytes) -> layers.merge(layer, bytes, Long::sum));
                return new StoreSpace(node, space.store(), space.usedBytes(), space.freeBytes());
            }
        }
    }
}
