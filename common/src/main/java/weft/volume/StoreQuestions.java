package weft.volume;

import weft.coordination.StorageNodes;
import weft.fabric.NodeId;
import weft.fabric.StoreId;
import weft.transport.Peers;
import weft.wire.audit.AuditMessage;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Questions of the audit protocol to all stores of the pool.
final class StoreQuestions {
    private static final int ANSWER_SECONDS_MAX = 10;

    private final StorageNodes nodes;
    private final Peers peers;

    StoreQuestions(StorageNodes nodes, Peers peers) {
        this.nodes = nodes;
        this.peers = peers;
    }

    /// A store and where it is.
    record Asked(NodeId node, StoreId store) {}

    /// All stores that are, or were, served, by node.
    List<Asked> stores() {
        List<Asked> all = new ArrayList<>();
        for (StoreId store : nodes.stores()) {
            nodes.nodeOf(store).ifPresent(node -> all.add(new Asked(node, store)));
        }
        all.sort(Comparator.comparing(Asked::node).thenComparing(Asked::store));
        return all;
    }

    /// Asks, and waits a bounded time; empty if the node is silent or has the store no more.
    ///
    /// @throws IOException if the answer is one to something else
    <T extends AuditMessage> Optional<T> ask(
            NodeId node, AuditMessage.Question question, Class<T> answer) throws IOException {
        try {
            var told = peers.request(node, question).get(ANSWER_SECONDS_MAX, TimeUnit.SECONDS);
            if (!answer.isInstance(told)) {
                throw new IOException(node + " answered " + told.getClass());
            }
            return Optional.of(answer.cast(told));
        } catch (ExecutionException | TimeoutException e) {
            return Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
