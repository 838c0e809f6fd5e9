package weft.volume;

import weft.coordination.StorageNodes;
import weft.fabric.NodeId;
import weft.transport.Peers;
import weft.wire.audit.AuditMessage.ScrubKind;
import weft.wire.audit.AuditMessage.ScrubRequest;
import weft.wire.audit.AuditMessage.ScrubStatus;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/// Has stores compare what they hold with its checksums, or with each other, for people: `weft pool
/// scrub`.
public final class PoolScrub {
    private final StoreQuestions questions;

    PoolScrub(StorageNodes nodes, Peers peers) {
        questions = new StoreQuestions(nodes, peers);
    }

    /// What a store's scrubber has done since its node started.
    public record StoreScrub(NodeId node, ScrubStatus status) {}

    /// What was told.
    ///
    /// @param silent nodes that did not answer, for one of their stores at least
    public record Result(List<StoreScrub> stores, List<NodeId> silent) {
        public Result {
            stores = List.copyOf(stores);
            silent = List.copyOf(silent);
        }
    }

    /// Has each store verify its copies now. Blocks.
    public Result begin() throws IOException {
        return ask(ScrubKind.DEEP);
    }

    /// Has each store compare what the members of its groups have in their maps. Blocks.
    public Result beginLight() throws IOException {
        return ask(ScrubKind.LIGHT);
    }

    /// How far they are. Blocks.
    public Result status() throws IOException {
        return ask(ScrubKind.NONE);
    }

    private Result ask(ScrubKind begin) throws IOException {
        List<StoreScrub> stores = new ArrayList<>();
        Set<NodeId> silent = new TreeSet<>();
        for (StoreQuestions.Asked asked : questions.stores()) {
            questions
                    .ask(asked.node(), new ScrubRequest(asked.store(), begin), ScrubStatus.class)
                    .ifPresentOrElse(
                            status -> stores.add(new StoreScrub(asked.node(), status)),
                            () -> silent.add(asked.node()));
        }
        return new Result(stores, List.copyOf(silent));
    }
}
