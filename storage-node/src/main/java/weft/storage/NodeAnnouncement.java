package weft.storage;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricStore;
import weft.fabric.FabricImage;
import weft.fabric.FabricJson;
import weft.fabric.NodeDisk;
import weft.fabric.NodePresence;
import weft.fabric.StoreId;
import weft.runtime.Pause;
import weft.runtime.VirtualThreads;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/// What a storage node tells of itself, and keeps true: its presence record, and gauges for each of
/// its disks. A disk that fails is told of at once: from then on control counts its store as away.
final class NodeAnnouncement implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(NodeAnnouncement.class);

    private static final int END_LOOKS_MAX = 50;
    private static final int END_LOOK_MILLIS = 10;
    private static final int END_SEEN_MILLIS = 200;

    private final StorageNodeSettings settings;
    private final FabricStore coordination;
    private final long incarnation;
    private final MeterRegistry registry;
    private final List<Gauge> gauges = new ArrayList<>();
    private final VirtualThreads blocking = new VirtualThreads("announcement");
    private volatile List<NodeDisk> disks;

    // Guarded by this: a lock, not a loop, since it is held by what waits for the coordination.
    private FabricStore.@Nullable Announcement kept;
    private String address = "";

    /// @param incarnation of the process
    NodeAnnouncement(
            StorageNodeSettings settings,
            FabricStore coordination,
            long incarnation,
            List<NodeDisk> disks,
            MeterRegistry registry) {
        this.settings = settings;
        this.coordination = coordination;
        this.incarnation = incarnation;
        this.disks = List.copyOf(disks);
        this.registry = registry;
        for (NodeDisk disk : disks) {
            String folder = disk.folder();
            gauge("weft_storage_disk_serving", folder, known -> known.served().isPresent());
            gauge("weft_storage_disk_slow", folder, NodeDisk::slow);
        }
    }

    private void gauge(String name, String folder, Predicate<NodeDisk> holds) {
        gauges.add(
                Gauge.builder(name, this, it -> it.has(folder, holds) ? 1 : 0)
                        .tag("node", settings.node().name())
                        .tag("folder", folder)
                        .strongReference(true)
                        .register(registry));
    }

    private boolean has(String folder, Predicate<NodeDisk> holds) {
        return disks.stream().anyMatch(disk -> disk.folder().equals(folder) && holds.test(disk));
    }

    /// Announces the node. Blocks.
    ///
    /// @param address as others reach it
    synchronized void begin(String address) throws IOException {
        this.address = address;
        kept =
                coordination.announce(
                        FabricPaths.presence(NodePresence.Role.STORAGE, settings.node().name()),
                        FabricJson.write(presence()));
    }

    /// A store that was served has failed. Any thread; does not wait.
    void onFailure(StoreId store, IOException why) {
        blocking.execute(() -> tellFailed(store, StoreFolders.reason(why)));
    }

    private void tellFailed(StoreId store, String why) {
        NodeDisk disk = change(store, known -> known.failed(why));
        log.error("{} ({}) is served no more: {}", disk.folder(), store, why);
        tell();
    }

    /// A store's disk has become slow, or is well again. Any thread; does not wait.
    void onSlow(StoreId store, boolean slow) {
        blocking.execute(() -> tellSlow(store, slow));
    }

    private void tellSlow(StoreId store, boolean slow) {
        NodeDisk disk = change(store, known -> known.withSlow(slow));
        if (slow) {
            log.warn("{} ({}) is slow: it keeps writes waiting", disk.folder(), store);
        } else {
            log.info("{} ({}) is not slow any more", disk.folder(), store);
        }
        tell();
    }

    private synchronized NodeDisk change(StoreId store, UnaryOperator<NodeDisk> change) {
        disks =
                disks.stream()
                        .map(disk -> store.equals(disk.store()) ? change.apply(disk) : disk)
                        .toList();
        return disks.stream().filter(disk -> store.equals(disk.store())).findFirst().orElseThrow();
    }

    private synchronized void tell() {
        FabricStore.Announcement present = kept;
        if (present == null) {
            return; // It will be in what is announced.
        }
        try {
            present.replace(FabricJson.write(presence()));
        } catch (IOException e) {
            log.warn("{}: the others were not told of it", settings.node(), e);
        }
    }

    /// Nothing comes from the node's stores any more: others need not wait until their silence
    /// proves it. Blocks until the picture has it, so that others have had the time, too, before
    /// the record goes; not for long, if the coordination is away.
    void end(Supplier<FabricImage> image) {
        synchronized (this) {
            disks = disks.stream().map(NodeDisk::withEnd).toList();
            tell();
        }
        for (int i = 0; i < END_LOOKS_MAX && !isSeenToHaveEnded(image.get()); i++) {
            Pause.millis(END_LOOK_MILLIS);
        }
        Pause.millis(END_SEEN_MILLIS); // The others may see it a little later.
    }

    private boolean isSeenToHaveEnded(FabricImage image) {
        return image.presence(NodePresence.Role.STORAGE, settings.node())
                .filter(present -> present.incarnation() == incarnation)
                .map(NodePresence::hasEnded)
                .orElse(true);
    }

    private NodePresence presence() {
        return new NodePresence(
                settings.node(),
                NodePresence.Role.STORAGE,
                incarnation,
                address,
                settings.nbd(),
                "",
                settings.metrics(),
                disks,
                0,
                ProcessHandle.current().pid());
    }

    @Override
    public synchronized void close() throws IOException {
        gauges.forEach(registry::remove);
        FabricStore.Announcement present = kept;
        kept = null;
        if (present != null) {
            present.close();
        }
    }
}
