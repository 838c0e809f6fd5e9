package weft.coordination;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.Attachment;
import weft.fabric.Cluster;
import weft.fabric.FabricImage;
import weft.fabric.FabricJson;
import weft.fabric.PoolSettings;
import weft.fabric.VolumeId;

import java.io.IOException;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/// Keeps a [FabricImage] up to date: one recursive watch per kind of record, so that nobody is sent
/// what he does not need. Placement groups, which change most, are no kind.
///
/// A change costs a new map of all records of its kind, and nothing of the other kinds.
///
/// Listeners are called with each new image on the store's threads, one at a time; they hand it to
/// their own loop.
public final class FabricWatcher implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(FabricWatcher.class);

    private final Map<FabricPaths.Kind, Map<String, Record>> records = new HashMap<>();
    private final List<AutoCloseable> watches = new CopyOnWriteArrayList<>();
    private final List<Consumer<FabricImage>> listeners = new CopyOnWriteArrayList<>();
    private final Map<FabricPaths.Kind, Map<?, ?>> pictures = new EnumMap<>(FabricPaths.Kind.class);
    private final CountDownLatch filled;
    private volatile FabricImage image = FabricImage.EMPTY;

    private FabricWatcher(int kinds) {
        filled = new CountDownLatch(kinds);
    }

    /// Starts watching everything; returns when the first complete image is there.
    public static FabricWatcher start(FabricStore store) throws IOException {
        return start(store, EnumSet.allOf(FabricPaths.Kind.class));
    }

    /// Starts watching; returns when the first complete image is there.
    ///
    /// @param kinds that the image has; of others there is nothing in it
    public static FabricWatcher start(FabricStore store, Set<FabricPaths.Kind> kinds)
            throws IOException {
        var watcher = new FabricWatcher(kinds.size());
        for (FabricPaths.Kind kind : kinds) {
            String root = FabricPaths.ROOT + "/" + kind.folder();
            watcher.watches.add(store.watch(root, entries -> watcher.accept(kind, root, entries)));
        }
        try {
            if (!watcher.filled.await(20, TimeUnit.SECONDS)) {
                watcher.close();
                throw new IOException("the fabric's records could not be read within 20 s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            watcher.close();
            throw new IOException("interrupted while reading the fabric's records", e);
        }
        return watcher;
    }

    /// The newest image.
    public FabricImage image() {
        return image;
    }

    /// Calls the listener with the present image and with each new one.
    public void onChange(Consumer<FabricImage> listener) {
        synchronized (records) {
            listeners.add(listener);
            listener.accept(image);
        }
    }

    private void accept(FabricPaths.Kind kind, String root, List<FabricStore.Entry> entries) {
        // A lock, not a loop: watches of different kinds may be called at the same time.
        synchronized (records) {
            // The first call of a kind brings all of its records, also if there are none.
            boolean first = !records.containsKey(kind);
            Map<String, Record> ofKind = records.computeIfAbsent(kind, _ -> new HashMap<>());
            for (FabricStore.Entry entry : entries) {
                apply(kind, root, ofKind, entry);
            }
            pictures.put(kind, picture(kind, ofKind));
            image = assemble();
            if (first) {
                filled.countDown();
            }
            for (Consumer<FabricImage> listener : listeners) {
                listener.accept(image);
            }
        }
    }

    private static void apply(
            FabricPaths.Kind kind,
            String root,
            Map<String, Record> ofKind,
            FabricStore.Entry entry) {
        String name =
                entry.path().length() > root.length()
                        ? entry.path().substring(root.length() + 1)
                        : "";
        byte[] data = entry.data();
        if (data == null || data.length == 0) {
            ofKind.remove(name);
            return;
        }
        try {
            ofKind.put(name, FabricJson.read(data, kind.type()));
        } catch (IOException e) {
            ofKind.remove(name);
            log.warn("{} is not a {}: left out", entry.path(), kind.type().getSimpleName(), e);
        }
    }

    private static Map<?, ?> picture(FabricPaths.Kind kind, Map<String, Record> ofKind) {
        if (kind != FabricPaths.Kind.ATTACHMENT) {
            return Map.copyOf(ofKind);
        }
        Map<VolumeId, Attachment> attachments = HashMap.newHashMap(ofKind.size());
        for (Record noun : ofKind.values()) {
            var attachment = (Attachment) noun;
            attachments.put(attachment.volume(), attachment);
        }
        return Map.copyOf(attachments);
    }

    private FabricImage assemble() {
        Map<String, Cluster> cluster = pictured(FabricPaths.Kind.CLUSTER);
        Map<String, PoolSettings> settings = pictured(FabricPaths.Kind.SETTINGS);
        return new FabricImage(
                Optional.ofNullable(cluster.get("")),
                settings.getOrDefault("", PoolSettings.NONE),
                pictured(FabricPaths.Kind.PRESENCE),
                pictured(FabricPaths.Kind.VOLUME),
                pictured(FabricPaths.Kind.ATTACHMENT),
                pictured(FabricPaths.Kind.EXPORT),
                pictured(FabricPaths.Kind.IMAGE),
                pictured(FabricPaths.Kind.NETWORK),
                pictured(FabricPaths.Kind.PORT),
                pictured(FabricPaths.Kind.VM),
                pictured(FabricPaths.Kind.PLACEMENT),
                pictured(FabricPaths.Kind.MIGRATION),
                pictured(FabricPaths.Kind.GROUP));
    }

    /// What is kept of a kind was read as its type.
    @SuppressWarnings("unchecked")
    private <K, T extends Record> Map<K, T> pictured(FabricPaths.Kind kind) {
        return (Map<K, T>) pictures.getOrDefault(kind, Map.of());
    }

    @Override
    public void close() {
        for (AutoCloseable watch : watches) {
            try {
                watch.close();
            } catch (Exception e) {
                log.debug("closing a watch", e);
            }
        }
    }
}
