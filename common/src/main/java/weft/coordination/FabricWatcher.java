package weft.coordination;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.Attachment;
import weft.fabric.Cluster;
import weft.fabric.Export;
import weft.fabric.FabricImage;
import weft.fabric.FabricJson;
import weft.fabric.Image;
import weft.fabric.Migration;
import weft.fabric.Network;
import weft.fabric.NodePresence;
import weft.fabric.PortBinding;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.fabric.Volume;
import weft.fabric.VolumeId;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/// Keeps a [FabricImage] up to date: one recursive watch per kind of record, so that placement
/// groups, which change most, are not sent to those who do not need them.
///
/// Listeners are called with each new image on the store's threads, one at a time; they hand it to
/// their own loop.
public final class FabricWatcher implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(FabricWatcher.class);

    private final Map<FabricPaths.Kind, Map<String, Record>> records = new HashMap<>();
    private final List<AutoCloseable> watches = new CopyOnWriteArrayList<>();
    private final List<Consumer<FabricImage>> listeners = new CopyOnWriteArrayList<>();
    private final CountDownLatch filled = new CountDownLatch(FabricPaths.Kind.values().length);
    private volatile FabricImage image = FabricImage.EMPTY;

    private FabricWatcher() {}

    /// Starts watching; returns when the first complete image is there.
    public static FabricWatcher start(FabricStore store) throws IOException {
        var watcher = new FabricWatcher();
        for (FabricPaths.Kind kind : FabricPaths.Kind.values()) {
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

    private FabricImage assemble() {
        Map<String, Record> cluster = records.getOrDefault(FabricPaths.Kind.CLUSTER, Map.of());
        Map<VolumeId, Attachment> attachments = new HashMap<>();
        for (Attachment attachment :
                ofKind(FabricPaths.Kind.ATTACHMENT, Attachment.class).values()) {
            attachments.put(attachment.volume(), attachment);
        }
        return new FabricImage(
                Optional.ofNullable(cluster.get("")).map(Cluster.class::cast),
                ofKind(FabricPaths.Kind.PRESENCE, NodePresence.class),
                ofKind(FabricPaths.Kind.VOLUME, Volume.class),
                Map.copyOf(attachments),
                ofKind(FabricPaths.Kind.EXPORT, Export.class),
                ofKind(FabricPaths.Kind.IMAGE, Image.class),
                ofKind(FabricPaths.Kind.NETWORK, Network.class),
                ofKind(FabricPaths.Kind.PORT, PortBinding.class),
                ofKind(FabricPaths.Kind.VM, VmSpec.class),
                ofKind(FabricPaths.Kind.PLACEMENT, VmPlacement.class),
                ofKind(FabricPaths.Kind.MIGRATION, Migration.class));
    }

    private <T extends Record> Map<String, T> ofKind(FabricPaths.Kind kind, Class<T> type) {
        Map<String, T> typed = new HashMap<>();
        records.getOrDefault(kind, Map.of())
                .forEach((name, noun) -> typed.put(name, type.cast(noun)));
        return Map.copyOf(typed);
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
