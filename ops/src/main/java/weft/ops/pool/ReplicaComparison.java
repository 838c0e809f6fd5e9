package weft.ops.pool;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.FabricImage;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.wire.WireMessage;
import weft.wire.audit.AuditMessage;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Asks every member of every placement group for the checksums of what it holds, and compares
/// them. What is being written meanwhile may differ: compare a pool at rest.
public final class ReplicaComparison {
    private static final int ANSWER_SECONDS = 30;

    private final PoolSession session;
    private final FabricRecords records;
    private final FabricImage image;

    public ReplicaComparison(PoolSession session, FabricRecords records, FabricImage image) {
        this.session = session;
        this.records = records;
        this.image = image;
    }

    /// What was found.
    ///
    /// @param groups compared
    /// @param replicas of all groups together
    /// @param chunks of all groups, each counted once
    /// @param differences in words; empty if all replicas are equal
    public record Result(int groups, int replicas, long chunks, List<String> differences) {}

    /// Compares all groups.
    public Result run() throws IOException, InterruptedException {
        int groups = 0;
        int replicas = 0;
        long chunks = 0;
        List<String> differences = new ArrayList<>();
        for (String name : records.store().children(FabricPaths.PLACEMENT_GROUPS)) {
            Optional<Configuration> found =
                    records.find(FabricPaths.PLACEMENT_GROUPS + "/" + name, Configuration.class)
                            .map(f -> f.noun());
            if (found.isEmpty()) {
                continue;
            }
            Configuration group = found.get();
            groups++;
            Map<ChunkKey, Integer> first = null;
            for (Member member : group.members()) {
                NodeId node = nodeOf(member);
                Map<ChunkKey, Integer> held = digest(node, group);
                replicas++;
                if (first == null) {
                    first = held;
                    chunks += held.size();
                } else if (!first.equals(held)) {
                    differences.add(
                            "%s: %s holds other data than %s"
                                    .formatted(
                                            group.pg(), node, nodeOf(group.members().getFirst())));
                }
            }
        }
        return new Result(groups, replicas, chunks, List.copyOf(differences));
    }

    private Map<ChunkKey, Integer> digest(NodeId node, Configuration group)
            throws IOException, InterruptedException {
        Map<ChunkKey, Integer> crcs = new HashMap<>();
        Optional<ChunkKey> after = Optional.empty();
        while (true) {
            WireMessage answer = ask(node, new AuditMessage.DigestRequest(group.pg(), after));
            if (!(answer instanceof AuditMessage.GroupDigest digest) || !digest.held()) {
                throw new IOException("%s does not hold %s".formatted(node, group.pg()));
            }
            for (AuditMessage.ChunkDigest chunk : digest.chunks()) {
                crcs.put(chunk.stamp().key(), chunk.crc());
                after = Optional.of(chunk.stamp().key());
            }
            if (digest.last() || digest.chunks().isEmpty()) {
                return crcs;
            }
        }
    }

    private WireMessage ask(NodeId node, AuditMessage question)
            throws IOException, InterruptedException {
        try {
            return session.nodes().request(node, question).get(ANSWER_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException e) {
            throw new IOException("storage node " + node + " does not answer: " + e, e);
        }
    }

    private NodeId nodeOf(Member member) throws IOException {
        UUID store = member.store().uuid();
        return image.presences().values().stream()
                .filter(presence -> presence.stores().contains(store))
                .map(NodePresence::node)
                .findFirst()
                .orElseThrow(() -> new IOException("the node of store " + store + " is not alive"));
    }
}
