package weft.coordination;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.Configuration;
import weft.fabric.FabricJson;
import weft.fabric.PlacementGroupId;
import weft.fabric.PoolStore;
import weft.fabric.StoreId;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// Keeps the records of all stores and placement groups at hand: for control, which looks at all of
/// them again and again. Others need few of them and read those.
public final class PoolWatcher implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(PoolWatcher.class);
    private static final int PATIENCE_SECONDS = 20;

    private final Map<String, PoolStore> stores = new HashMap<>();
    private final Map<String, Configuration> groups = new HashMap<>();
    private AutoCloseable storesWatch = () -> {};
    private AutoCloseable groupsWatch = () -> {};
    private long changes;

    private PoolWatcher() {}

    /// Starts watching; returns when the first complete image is there.
    public static PoolWatcher start(FabricStore store) throws IOException {
        var watcher = new PoolWatcher();
        var filled = new CountDownLatch(2);
        try {
            watcher.storesWatch =
                    store.watch(
                            FabricPaths.STORES,
                            entries -> {
                                watcher.take(entries, watcher.stores, PoolStore.class);
                                filled.countDown();
                            });
            watcher.groupsWatch =
                    store.watch(
                            FabricPaths.PLACEMENT_GROUPS,
                            entries -> {
                                watcher.take(entries, watcher.groups, Configuration.class);
                                filled.countDown();
                            });
            if (!filled.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                throw new IOException(
                        "the pool's records could not be read within %d s"
                                .formatted(PATIENCE_SECONDS));
            }
            return watcher;
        } catch (InterruptedException e) {
            watcher.close();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while reading the pool's records", e);
        } catch (IOException e) {
            watcher.close();
            throw e;
        }
    }

    private <T> void take(List<FabricStore.Entry> entries, Map<String, T> into, Class<T> type) {
        // A lock, not a loop: the two watches may be called at the same time.
        synchronized (stores) {
            for (FabricStore.Entry entry : entries) {
                byte[] data = entry.data();
                if (data == null || data.length == 0) {
                    into.remove(entry.path());
                    continue;
                }
                try {
                    into.put(entry.path(), FabricJson.read(data, type));
                } catch (IOException e) {
                    into.remove(entry.path());
                    log.warn("{} is not a {}: left out", entry.path(), type.getSimpleName(), e);
                }
            }
            changes++;
        }
    }

    /// How often anything has changed.
    public long changes() {
        synchronized (stores) {
            return changes;
        }
    }

    /// The newest image; made when it is asked for.
    public PoolImage image() {
        synchronized (stores) {
            Map<StoreId, PoolStore> byId = HashMap.newHashMap(stores.size());
            stores.values().forEach(store -> byId.put(store.store(), store));
            Map<PlacementGroupId, Configuration> byNumber = HashMap.newHashMap(groups.size());
            groups.values().forEach(group -> byNumber.put(group.pg(), group));
            return new PoolImage(Map.copyOf(byId), Map.copyOf(byNumber));
        }
    }

    @Override
    public void close() {
        for (AutoCloseable watch : List.of(storesWatch, groupsWatch)) {
            try {
                watch.close();
            } catch (Exception e) {
                log.debug("closing a watch", e);
            }
        }
    }
}
