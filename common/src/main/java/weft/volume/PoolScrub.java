package weft.volume;

import weft.coordination.StorageNodes;
import weft.fabric.NodeId;
import weft.transport.Peers;
import weft.wire.audit.AuditMessage.ScrubRequest;
import weft.wire.audit.AuditMessage.ScrubStatus;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Has storage nodes compare what they hold with its checksums, for people: `weft pool scrub`.
public final class PoolScrub {
    private static final int ANSWER_SECONDS_MAX = 10;

    private final StorageNodes nodes;
    private final Peers peers;

    PoolScrub(StorageNodes nodes, Peers peers) {
        this.nodes = nodes;
        this.peers = peers;
    }

    /// What was told.
    ///
    /// @param byNode what each node's scrubber has done since the node started
    /// @param silent nodes that did not answer
    public record Result(Map<NodeId, ScrubStatus> byNode, List<NodeId> silent) {}

    /// Has each node begin now. Blocks.
    public Result begin() throws IOException {
        return ask(true);
    }

    /// How far they are. Blocks.
    public Result status() throws IOException {
        return ask(false);
    }

    private Result ask(boolean now) throws IOException {
        Map<NodeId, ScrubStatus> byNode = new LinkedHashMap<>();
        List<NodeId> silent = new ArrayList<>();
        for (NodeId node : nodes.known().stream().sorted().toList()) {
            try {
                var answer =
                        peers.request(node, new ScrubRequest(now))
                                .get(ANSWER_SECONDS_MAX, TimeUnit.SECONDS);
                if (!(answer instanceof ScrubStatus status)) {
                    throw new IOException(node + " answered " + answer.getClass());
                }
                byNode.put(node, status);
            } catch (ExecutionException | TimeoutException e) {
                silent.add(node);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted", e);
            }
        }
        return new Result(byNode, silent);
    }
}
