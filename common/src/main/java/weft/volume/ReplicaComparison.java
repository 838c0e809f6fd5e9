package weft.volume;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore;
import weft.coordination.StorageNodes;
import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.runtime.Clock;
import weft.runtime.Pause;
import weft.transport.Peers;
import weft.wire.audit.AuditMessage.ChunkDigest;
import weft.wire.audit.AuditMessage.DigestRequest;
import weft.wire.audit.AuditMessage.GroupDigest;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Asks all members of all groups what they hold and compares. Replicas are equal when each chunk
/// has the same stamp and the same checksum on all of them; while writes go on, or right after the
/// last one, stamps differ and the comparison is to be repeated.
public final class ReplicaComparison {
    private static final int ANSWER_SECONDS_MAX = 30;
    private static final int PAUSE_MILLIS = 100;

    private final FabricRecords records;
    private final StorageNodes nodes;
    private final Peers peers;
    private final Clock clock;

    ReplicaComparison(FabricStore store, StorageNodes nodes, Peers peers, Clock clock) {
        records = new FabricRecords(store);
        this.nodes = nodes;
        this.peers = peers;
        this.clock = clock;
    }

    /// What was found.
    ///
    /// @param groups compared
    /// @param replicas of all groups together
    /// @param chunks compared, each counted once
    /// @param fullGroups groups that have as many members as stores are wanted
    /// @param differences one line each, for people; empty if all replicas are equal
    public record Result(
            int groups, int replicas, int chunks, int fullGroups, List<String> differences) {
        public Result {
            differences = List.copyOf(differences);
        }
    }

    /// Compares all groups until all are equal, for as long as the patience lasts: right after a
    /// write, members learn a moment later than the primary that it is committed. Blocks.
    public Result compareAtRest(Duration patience) throws IOException {
        long endNanos = clock.nowNanos() + patience.toNanos();
        while (true) {
            Result result = compare();
            if (result.differences().isEmpty() || clock.nowNanos() >= endNanos) {
                return result;
            }
            Pause.millis(PAUSE_MILLIS);
            if (Thread.currentThread().isInterrupted()) {
                throw new IOException("interrupted");
            }
        }
    }

    /// Compares all groups of the pool once. Blocks.
    public Result compare() throws IOException {
        int groups = 0;
        int replicas = 0;
        int chunks = 0;
        int fullGroups = 0;
        List<String> differences = new ArrayList<>();
        for (String name : records.store().children(FabricPaths.PLACEMENT_GROUPS)) {
            var found =
                    records.find(FabricPaths.PLACEMENT_GROUPS + "/" + name, Configuration.class);
            if (found.isPresent()) {
                Configuration group = found.get().noun();
                groups++;
                replicas += group.members().size();
                fullGroups += group.members().size() >= group.wanted().size() ? 1 : 0;
                chunks += compare(group, differences);
            }
        }
        return new Result(groups, replicas, chunks, fullGroups, differences);
    }

    private int compare(Configuration group, List<String> differences) throws IOException {
        Map<Member, Map<ChunkKey, ChunkDigest>> held = new LinkedHashMap<>();
        for (Member member : group.members()) {
            held.put(member, digestsOf(group, member));
        }
        var primarys = held.getOrDefault(group.primary(), Map.of());
        held.forEach((member, theirs) -> {
            for (ChunkKey key : theirs.keySet()) {
                if (!primarys.containsKey(key)) {
                    differences.add(
                            "%s: %s has %s, the primary has not"
                                    .formatted(group.pg(), member, key));
                }
            }
            primarys.forEach((key, digest) -> {
                ChunkDigest other = theirs.get(key);
                if (!digest.equals(other)) {
                    differences.add(
                            "%s: %s is %s on primary %s and %s on %s"
                                    .formatted(
                                            group.pg(),
                                            key,
                                            digest,
                                            group.primary(),
                                            other == null ? "absent" : other,
                                            member));
                }
            });
        });
        return primarys.size();
    }

    private Map<ChunkKey, ChunkDigest> digestsOf(Configuration group, Member member)
            throws IOException {
        NodeId node =
                nodes.nodeOf(member.store())
                        .orElseThrow(() -> new IOException("nobody serves store " + member));
        Map<ChunkKey, ChunkDigest> digests = new TreeMap<>();
        Optional<ChunkKey> after = Optional.empty();
        while (true) {
            GroupDigest page = ask(node, new DigestRequest(member.store(), group.pg(), after));
            if (!page.held()) {
                throw new IOException("%s does not hold %s".formatted(node, group.pg()));
            }
            for (ChunkDigest chunk : page.chunks()) {
                digests.put(chunk.stamp().key(), chunk);
                after = Optional.of(chunk.stamp().key());
            }
            if (page.last() || page.chunks().isEmpty()) {
                return digests;
            }
        }
    }

    private GroupDigest ask(NodeId node, DigestRequest request) throws IOException {
        try {
            var answer = peers.request(node, request).get(ANSWER_SECONDS_MAX, TimeUnit.SECONDS);
            if (answer instanceof GroupDigest digest) {
                return digest;
            }
            throw new IOException(node + " answered " + answer.getClass());
        } catch (ExecutionException | TimeoutException e) {
            throw new IOException("%s does not tell of %s: %s".formatted(node, request.pg(), e), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
