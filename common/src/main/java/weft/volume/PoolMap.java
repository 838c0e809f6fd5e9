package weft.volume;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricStore;
import weft.coordination.StorageNodes;
import weft.fabric.Configuration;
import weft.fabric.FabricImage;
import weft.fabric.FabricJson;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.PlacementGroupId;
import weft.runtime.VirtualThreads;

import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/// What a client of the pool knows of it: group → configuration, member → node.
///
/// Groups are not watched: a configuration is read from the coordination once, and newer ones come
/// with refusals.
final class PoolMap {
    private static final Logger log = LoggerFactory.getLogger(PoolMap.class);

    private final FabricStore store;
    private final Supplier<FabricImage> image;
    private final VirtualThreads blocking = new VirtualThreads("pool-map");
    private final Map<PlacementGroupId, Configuration> configurations = new ConcurrentHashMap<>();
    private final Map<PlacementGroupId, CompletableFuture<Void>> reads = new ConcurrentHashMap<>();
    private final StorageNodes nodes;

    PoolMap(FabricStore store, Supplier<FabricImage> image, StorageNodes nodes) {
        this.store = store;
        this.image = image;
        this.nodes = nodes;
    }

    /// The number of bits of the hash that name a group.
    int pgBits() {
        return image.get()
                .cluster()
                .orElseThrow(() -> new IllegalStateException("the fabric has no cluster record"))
                .pgBits();
    }

    /// The newest configuration heard of.
    Optional<Configuration> configurationOf(PlacementGroupId pg) {
        return Optional.ofNullable(configurations.get(pg));
    }

    /// Takes a configuration heard of; true if it is news.
    boolean learn(Configuration heard) {
        var news = new boolean[1];
        configurations.compute(
                heard.pg(),
                (_, known) -> {
                    news[0] = known == null || known.version() < heard.version();
                    return news[0] ? heard : known;
                });
        return news[0];
    }

    /// Reads the group's configuration from the coordination; concurrent calls share one read. The
    /// future always completes normally: what was not learned is asked for again.
    CompletableFuture<Void> refresh(PlacementGroupId pg) {
        return reads.computeIfAbsent(
                pg,
                _ -> {
                    var read = new CompletableFuture<Void>();
                    blocking.execute(() -> {
                        try {
                            readNow(pg);
                        } catch (IOException | RuntimeException e) {
                            log.debug("{}: configuration not read", pg, e);
                        } finally {
                            reads.remove(pg);
                            read.complete(null);
                        }
                    });
                    return read;
                });
    }

    private void readNow(PlacementGroupId pg) throws IOException {
        var record = store.read(FabricPaths.PLACEMENT_GROUPS + "/" + pg.value());
        if (record.isPresent()) {
            learn(FabricJson.read(record.get().data(), Configuration.class));
        }
    }

    /// The node of a member.
    Optional<NodeId> nodeOf(Member member) {
        return nodes.nodeOf(member.store());
    }
}
