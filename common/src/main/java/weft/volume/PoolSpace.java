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
import java.util.Set;
import java.util.TreeSet;

/// Asks stores what they hold, for people: `weft pool df`.
public final class PoolSpace {
    private final StoreQuestions questions;

    PoolSpace(StorageNodes nodes, Peers peers) {
        questions = new StoreQuestions(nodes, peers);
    }

    /// One store.
    ///
    /// @param freeBytes what writes may still take of it
    public record StoreSpace(NodeId node, StoreId store, long usedBytes, long freeBytes) {}

    /// What was told.
    ///
    /// @param layers the bytes that each layer stores itself, in one copy
    /// @param silent nodes that did not answer, for one of their stores at least: its layers are
    ///   missing
    public record Result(List<StoreSpace> stores, Map<VolumeId, Long> layers, List<NodeId> silent) {
        public Result {
            stores = List.copyOf(stores);
            layers = Map.copyOf(layers);
            silent = List.copyOf(silent);
        }
    }

    /// Asks each store that is, or was, served. Blocks.
    public Result ask() throws IOException {
        List<StoreSpace> stores = new ArrayList<>();
        Map<VolumeId, Long> layers = new HashMap<>();
        Set<NodeId> silent = new TreeSet<>();
        for (StoreQuestions.Asked asked : questions.stores()) {
            ask(asked, layers).ifPresentOrElse(stores::add, () -> silent.add(asked.node()));
        }
        return new Result(stores, layers, List.copyOf(silent));
    }

    private Optional<StoreSpace> ask(StoreQuestions.Asked asked, Map<VolumeId, Long> layers)
            throws IOException {
        Optional<VolumeId> after = Optional.empty();
        Map<VolumeId, Long> told = new HashMap<>();
        while (true) {
            var answer =
                    questions.ask(
                            asked.node(), new SpaceRequest(asked.store(), after), Space.class);
            if (answer.isEmpty()) {
                return Optional.empty();
            }
            Space space = answer.get();
            for (LayerSpace layer : space.layers()) {
                told.put(layer.layer(), layer.storedBytes());
                after = Optional.of(layer.layer());
            }
            if (space.last() || space.layers().isEmpty()) {
                told.forEach((layer, bytes) -> layers.merge(layer, bytes, Long::sum));
                return Optional.of(
                        new StoreSpace(
                                asked.node(), asked.store(), space.usedBytes(), space.freeBytes()));
            }
        }
    }
}
