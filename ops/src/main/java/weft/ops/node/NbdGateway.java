package weft.ops.node;

import io.micrometer.core.instrument.MeterRegistry;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricStore;
import weft.coordination.NoAnswerException;
import weft.fabric.Export;
import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.Volume;
import weft.runtime.BootClock;
import weft.runtime.Loop;
import weft.runtime.Owned;
import weft.runtime.Pause;
import weft.storage.StorageNode;
import weft.storage.nbd.NbdExports;
import weft.storage.nbd.NbdServer;
import weft.storage.nbd.NbdTls;
import weft.volume.BlockVolume;
import weft.volume.PoolClient;
import weft.volume.RemoteVolume;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/// The exports that the fabric wants of a storage node, offered by its NBD server. A writable
/// export claims the volume's attachment when a first client wants it, together with other nodes
/// that export the same volume; if someone else claims it later, the export is closed.
@Owned("nbd-gateway loop")
final class NbdGateway implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(NbdGateway.class);

    private static final long OPEN_PATIENCE_NANOS = 15_000_000_000L;
    private static final int OPEN_AGAIN_MILLIS = 500;

    private final NodeId node;
    private final PoolClient pool;
    private final NbdExports exports;
    private final NbdServer server;
    private final Loop loop = new Loop("nbd-gateway");
    private volatile boolean isClosed;
    private final Map<String, Offered> offered = new HashMap<>();

    /// What was opened for writing last, by the volume's name.
    private final ConcurrentMap<String, Opened> opened = new ConcurrentHashMap<>();

    /// @param seen what was wanted when it looked at the records last
    private record Opened(RemoteVolume volume, Offered seen) {}

    /// What was wanted when the export was made, and of which volume it is.
    private record Offered(Export export, Volume volume) {
        /// Whether who uses the export need not notice the difference: a holder is told of new
        /// layers and of a new size, a reader is not.
        boolean isAsGoodAs(@Nullable Offered other) {
            return other != null
                    && export.readOnly() == other.export.readOnly()
                    && export.ioTimeout().equals(other.export.ioTimeout())
                    && volume.id().equals(other.volume.id())
                    && (!export.readOnly() || volume.equals(other.volume));
        }
    }

    private NbdGateway(NodeId node, PoolClient pool, NbdExports exports, NbdServer server) {
        this.node = node;
        this.pool = pool;
        this.exports = exports;
        this.server = server;
    }

    static NbdGateway start(
            NodeId node,
            InetSocketAddress listen,
            Optional<NbdTls> tls,
            StorageNode storage,
            FabricStore store,
            MeterRegistry registry)
            throws IOException {
        var pool =
                new PoolClient(
                        store,
                        storage.watcher()::image,
                        storage.transport(),
                        BootClock.SYSTEM,
                        registry,
                        storage.openVolumes());
        var exports = new NbdExports();
        NbdServer server;
        try {
            // A TLS handshake takes milliseconds, which beats of the node should not wait for.
            server =
                    tls.isPresent()
                            ? new NbdServer(
                                    storage.transport().memory(), listen, exports, tls, registry)
                            : new NbdServer(storage.transport(), listen, exports, tls, registry);
        } catch (IOException e) {
            pool.close();
            throw e;
        }
        var gateway = new NbdGateway(node, pool, exports, server);
        storage.watcher().onChange(image -> gateway.loop.execute(() -> gateway.follow(image)));
        return gateway;
    }

    private void follow(FabricImage image) {
        assert loop.isCurrent();
        Map<String, Offered> wanted = new HashMap<>();
        for (Export export : image.exports().values()) {
            Volume volume = image.volumes().get(export.volume());
            if (export.nodes().contains(node) && volume != null) {
                wanted.put(export.volume(), new Offered(export, volume));
            }
        }
        for (String name : List.copyOf(offered.keySet())) {
            Offered now = offered.get(name);
            if (now == null || !now.isAsGoodAs(wanted.get(name))) {
                offered.remove(name);
                opened.remove(name);
                var _ = exports.remove(name);
                log.info("volume {} is not exported any more", name);
            }
        }
        wanted.values().stream()
                .filter(one -> !offered.containsKey(one.export().volume()))
                .forEach(this::offer);
        wanted.forEach(this::lookAfter);
    }

    /// A volume that other nodes export, too, may have been cut or may have grown, or one of them
    /// has gone: holders that share it are not asked. (Attachments are not in a storage node's
    /// picture.)
    private void lookAfter(String name, Offered now) {
        Opened open = opened.get(name);
        if (open != null && !open.seen().equals(now)) {
            opened.replace(name, open, new Opened(open.volume(), now));
            open.volume().lookAgain();
        }
    }

    private void offer(Offered wanted) {
        Volume volume = wanted.volume();
        exports.add(volume.name(), () -> open(wanted));
        offered.put(volume.name(), wanted);
        log.info("volume {} is exported at {}", volume.name(), server.address());
    }

    private CompletionStage<BlockVolume> open(Offered wanted) {
        Volume volume = wanted.volume();
        if (wanted.export().readOnly()) {
            return CompletableFuture.completedFuture(
                    pool.openReadOnly(volume, wanted.export().ioTimeout()));
        }
        try {
            RemoteVolume open = openExported(wanted);
            opened.put(volume.name(), new Opened(open, wanted));
            // What was changed since the claim was shown to nobody here.
            open.lookAgain();
            return CompletableFuture.completedFuture(open);
        } catch (IOException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    /// A client that connects while the coordination is away waits for it, as its requests would.
    /// Blocks.
    private RemoteVolume openExported(Offered wanted) throws IOException {
        Volume volume = wanted.volume();
        long startNanos = BootClock.SYSTEM.nowNanos();
        while (true) {
            try {
                return pool.openExported(volume, node, wanted.export().ioTimeout());
            } catch (NoAnswerException e) {
                if (isClosed || BootClock.SYSTEM.nowNanos() - startNanos > OPEN_PATIENCE_NANOS) {
                    throw e;
                }
                log.info("export {} waits for the coordination: {}", volume.name(), e.getMessage());
                Pause.millis(OPEN_AGAIN_MILLIS);
            }
        }
    }

    @Override
    public void close() {
        isClosed = true;
        loop.close();
        server.close();
        pool.close();
    }
}
