package weft.storage.store;

import weft.fabric.StoreId;
import weft.storage.disk.FileDisk;
import weft.storage.disk.IdentityFile;
import weft.storage.metadata.MetadataException;
import weft.storage.metadata.RocksMetadataStore;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.UUID;

/// A folder of the machine's file system as a store, locked against a second process.
public final class StoreFolder implements Closeable {
    private final Store store;
    private final FileChannel lockChannel;

    private StoreFolder(Store store, FileChannel lockChannel) {
        this.store = store;
        this.lockChannel = lockChannel;
    }

    /// Opens the store in this folder; makes folder and store if absent. [Store#start()] makes it
    /// serve.
    ///
    /// @throws IOException naming the folder, if it is in use, of another cluster, damaged or
    ///   failing
    public static StoreFolder open(Path folder, UUID cluster, StoreSettings settings)
            throws IOException {
        Files.createDirectories(folder);
        FileChannel lockChannel = lock(folder);
        try {
            return new StoreFolder(open(folder, cluster, settings, lockChannel), lockChannel);
        } catch (IOException | RuntimeException e) {
            lockChannel.close();
            throw e;
        }
    }

    /// The store in this folder, without opening it; empty if there is none yet.
    ///
    /// @throws IOException if it is of another cluster, damaged or failing
    public static Optional<StoreId> identify(Path folder, UUID cluster) throws IOException {
        if (!Files.exists(folder.resolve(IdentityFile.NAME))) {
            return Optional.empty();
        }
        return IdentityFile.read(new FileDisk(folder), cluster)
                .map(identity -> new StoreId(identity.store()));
    }

    private static Store open(
            Path folder, UUID cluster, StoreSettings settings, FileChannel lockChannel)
            throws IOException {
        assert lockChannel.isOpen();
        var disk = new FileDisk(folder);
        RocksMetadataStore metadata;
        try {
            metadata = new RocksMetadataStore(folder.resolve("metadata"));
        } catch (MetadataException e) {
            throw refused(folder, e);
        }
        try {
            return new Store(disk, metadata, cluster, settings);
        } catch (IOException e) {
            metadata.close();
            throw refused(folder, e);
        } catch (RuntimeException e) {
            metadata.close();
            throw e;
        }
    }

    private static IOException refused(Path folder, IOException e) {
        String todo =
                e instanceof MetadataException
                        ? "; if the disk is well, the store must be emptied"
                        : "";
        return new IOException("store in %s: %s%s".formatted(folder, e.getMessage(), todo), e);
    }

    private static FileChannel lock(Path folder) throws IOException {
        FileChannel channel =
                FileChannel.open(
                        folder.resolve("lock"),
                        StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE);
        FileLock lock = null;
        try {
            lock = channel.tryLock();
        } catch (OverlappingFileLockException e) {
            channel.close();
            throw new IOException("store in %s: this process has it open".formatted(folder), e);
        }
        if (lock == null) {
            channel.close();
            throw new IOException(
                    "store in %s: another process has it open; stop that first".formatted(folder));
        }
        return channel;
    }

    /// The store.
    public Store store() {
        return store;
    }

    /// Closes the store and lets another process have it.
    @Override
    public void close() throws IOException {
        try (lockChannel) {
            store.close();
        }
    }
}
