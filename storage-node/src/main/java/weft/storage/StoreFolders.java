package weft.storage;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.fabric.FailureDomain;
import weft.fabric.NodeDisk;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.PoolStore;
import weft.fabric.StoreId;
import weft.storage.store.Store;
import weft.storage.store.StoreFolder;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/// The folders of a storage node. Each is opened by itself: one that cannot be, or whose store is
/// not this node's, is told of by name and left out.
///
/// ```text
///   no store there ─► this node had one in that folder: refused, its disk is missing
///                  ─► a new store, recorded as this node's
///   a store there  ─► recorded as another node's: refused, unless it is adopted
///                  ─► opened
/// ```
final class StoreFolders implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(StoreFolders.class);

    private final StorageNodeSettings settings;
    private final FabricRecords records;
    private final Map<StoreId, PoolStore> known = new HashMap<>();
    private final List<Opened> opened = new ArrayList<>();
    private final List<NodeDisk> disks = new ArrayList<>();

    /// @param weight what the size of its disk says
    private record Opened(Path path, StoreFolder folder, double weight) {
        StoreId store() {
            return folder.store().id();
        }
    }

    private StoreFolders(StorageNodeSettings settings, FabricRecords records) {
        this.settings = settings;
        this.records = records;
    }

    /// Opens what can be opened. Blocks.
    ///
    /// @throws IOException if that is nothing, or the coordination does not answer
    static StoreFolders open(StorageNodeSettings settings, FabricRecords records)
            throws IOException {
        var folders = new StoreFolders(settings, records);
        try {
            folders.readRecords();
            for (Path folder : settings.folders()) {
                folders.openOrRefuse(folder);
            }
            folders.writeRecords();
        } catch (IOException | RuntimeException e) {
            folders.close();
            throw e;
        }
        if (folders.opened.isEmpty()) {
            throw new IOException(
                    "no store could be opened: "
                            + folders.disks.stream()
                                    .map(disk -> disk.folder() + ": " + disk.failure())
                                    .collect(Collectors.joining("; ")));
        }
        return folders;
    }

    private void readRecords() throws IOException {
        for (String name : records.store().children(FabricPaths.STORES)) {
            records.find(FabricPaths.STORES + "/" + name, PoolStore.class)
                    .ifPresent(found -> known.put(found.noun().store(), found.noun()));
        }
    }

    private void openOrRefuse(Path folder) {
        Optional<StoreId> there = Optional.empty();
        try {
            there = StoreFolder.identify(folder, settings.clusterId());
            requireOurs(folder, there);
            Files.createDirectories(folder);
            long capacityBytes = Files.getFileStore(folder).getTotalSpace();
            var store = StoreFolder.open(folder, settings.clusterId(), settings.store());
            opened.add(new Opened(folder, store, PoolStore.weightOf(capacityBytes)));
            disks.add(NodeDisk.serving(folder.toString(), store.store().member()));
        } catch (IOException | RuntimeException e) {
            // Whatever is wrong with a disk, a damaged one included, the others are to be served.
            String why = reason(e);
            log.error("{} is not served: {}", folder, why);
            log.debug("{} is not served", folder, e);
            disks.add(NodeDisk.refused(folder.toString(), there.orElse(null), why));
        }
    }

    /// In words. What the system says of a file is often no more than its name.
    static String reason(Exception e) {
        return e.getClass() == IOException.class
                ? String.valueOf(e.getMessage())
                : e.getClass().getSimpleName() + ": " + e.getMessage();
    }

    private void requireOurs(Path folder, Optional<StoreId> there) throws IOException {
        if (there.isEmpty()) {
            Optional<PoolStore> missing = recordedIn(folder);
            if (missing.isPresent()) {
                String id = name(missing.get().store());
                throw new IOException(
                        "store %s of this node was here and is not: is its disk mounted? If it is lost for good: weft node remove %s --lost"
                                .formatted(id, id));
            }
            return;
        }
        StoreId id = there.get();
        for (NodeDisk disk : disks) {
            if (id.equals(disk.store())) {
                throw new IOException(
                        "refused: store %s is in %s already, one of them is a copy"
                                .formatted(name(id), disk.folder()));
            }
        }
        PoolStore record = known.get(id);
        if (record == null || record.node().equals(settings.node())) {
            return;
        }
        if (!isAdopted(id)) {
            throw new IOException(
                    "refused: store %s belongs to node '%s' (%s there); if its disk is to stay here: --adopt %s"
                            .formatted(name(id), record.node(), record.folder(), name(id)));
        }
        var other = FabricPaths.presence(NodePresence.Role.STORAGE, record.node().name());
        if (records.find(other, NodePresence.class).filter(p -> p.noun().serves(id)).isPresent()) {
            throw new IOException(
                    "refused: node '%s' serves store %s now, one of them is a copy"
                            .formatted(record.node(), name(id)));
        }
    }

    /// The store that this node is known to have in the folder.
    private Optional<PoolStore> recordedIn(Path folder) {
        return known.values().stream()
                .filter(store -> store.node().equals(settings.node()))
                .filter(store -> store.folder().equals(folder.toString()))
                .filter(store -> store.state() != PoolStore.State.REMOVED)
                .findFirst();
    }

    private boolean isAdopted(StoreId store) {
        return settings.adopted().stream().anyMatch(store.uuid().toString()::startsWith);
    }

    /// As commands take it.
    private static String name(StoreId store) {
        return store.uuid().toString().substring(0, 8);
    }

    /// Makes the records of new stores; after that commands decide, and the node says only where
    /// the store is.
    private void writeRecords() throws IOException {
        FailureDomain domain = domain();
        for (Opened store : opened) {
            write(store, domain);
        }
    }

    /// Copies of a group are kept on different hosts: all stores of a node must stand on one.
    private FailureDomain domain() {
        NodeId self = settings.node();
        return known.values().stream()
                .filter(store -> store.node().equals(self))
                .map(PoolStore::domain)
                .findFirst()
                .orElse(settings.domain());
    }

    private void write(Opened store, FailureDomain domain) throws IOException {
        StoreId id = store.store();
        String path = FabricPaths.store(id);
        String folder = store.path().toString();
        NodeId self = settings.node();
        var first = new PoolStore(id, self, folder, store.weight(), domain, PoolStore.State.IN);
        if (records.create(path, first)) {
            log.info("{} in {} is new: weight {}, at {}", id, folder, store.weight(), domain);
            return;
        }
        var _ =
                records.update(
                        path,
                        PoolStore.class,
                        record -> {
                            if (!record.node().equals(self)) {
                                return record.servedBy(self, folder).withDomain(domain);
                            }
                            return record.folder().equals(folder)
                                    ? record
                                    : record.servedBy(self, folder);
                        });
    }

    /// Those that were opened.
    List<Store> stores() {
        return opened.stream().map(store -> store.folder().store()).toList();
    }

    /// All, as they were found.
    List<NodeDisk> disks() {
        return List.copyOf(disks);
    }

    @Override
    public void close() {
        for (Opened store : opened) {
            try {
                store.folder().close();
            } catch (IOException | RuntimeException e) {
                log.warn("closing {}", store.path(), e);
            }
        }
        opened.clear();
    }
}
