package weft.volume;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricStore;
import weft.fabric.Configuration;
import weft.fabric.FabricImage;
import weft.fabric.FabricJson;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.runtime.VirtualThreads;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/// What a client of the pool knows of it: group → configuration, store → node → address.
///
/// Groups are not watched: a configuration is read from the coordination once, and newer ones come
/// with refusals. Stores and addresses are remembered beyond the node's presence record, because a
/// node that lost its session may still serve.
final class PoolMap {
    private static final Logger log = LoggerFactory.getLogger(PoolMap.class);

    private final FabricStore store;
    private final Supplier<FabricImage> image;
    private final VirtualThreads blocking = new VirtualThreads("pool-map");
    private final Map<PlacementGroupId, Configuration> configurations = new ConcurrentHashMap<>();
    private final Map<PlacementGroupId, CompletableFuture<Void>> reads = new ConcurrentHashMap<>();
    private final Map<StoreId, NodeId> nodes = new ConcurrentHashMap<>();
    private final Map<NodeId, InetSocketAddress> addresses = new ConcurrentHashMap<>();

    PoolMap(FabricStore store, Supplier<FabricImage> image) {
        this.store = store;
        this.image = image;
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
                        } catch (IOException | IllegalArgumentException e) {
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
        StoreId wanted = member.store();
        for (NodePresence presence : image.get().presences().values()) {
            for (UUID held : presence.stores()) {
                if (held.equals(wanted.uuid())) {
                    nodes.put(wanted, presence.node());
                    return Optional.of(presence.node());
                }
            }
        }
        return Optional.ofNullable(nodes.get(wanted));
    }

    /// Where a storage node is.
    Optional<InetSocketAddress> addressOf(NodeId node) {
        Optional<NodePresence> presence = image.get().presence(NodePresence.Role.STORAGE, node);
        presence.flatMap(p -> parse(p.address())).ifPresent(at -> addresses.put(node, at));
        return Optional.ofNullable(addresses.get(node));
    }

    private static Optional<InetSocketAddress> parse(String address) {
        int colon = address.lastIndexOf(':');
        if (colon < 1) {
            return Optional.empty();
        }
        try {
            int port = Integer.parseInt(address.substring(colon + 1));
            return Optional.of(new InetSocketAddress(address.substring(0, colon), port));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }
}
