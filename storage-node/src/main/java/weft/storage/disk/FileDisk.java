package weft.storage.disk;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.runtime.BootClock;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/// A store's files in a folder of the machine's file system.
public final class FileDisk implements Disk {
    private static final Logger log = LoggerFactory.getLogger(FileDisk.class);

    /// Files are forced one by one for so long, some 0.1 ms each on an SSD; one syncfs does the
    /// rest. That takes along what other stores and databases of the same file system have dirty,
    /// too (three nodes on one disk, 4 KiB writes at depth 32: the disk took 7.8 bytes for each of
    /// the user's, and takes 7.5).
    private static final long FORCED_ONE_BY_ONE_MILLIS_MAX = 250;

    /// `ExtendedOpenOption.DIRECT`: a documented option of the JDK, but javac warns of its package
    /// in a way that cannot be silenced, so it is looked up by name.
    private static final OpenOption DIRECT = directOption();

    private final Path root;
    private final boolean direct;

    /// Asked twice a second; finding it reads the table of all mounts.
    private final FileStore space;

    /// Which folder it is: device and number, where the file system has them.
    private final @Nullable Object rootKey;

    /// @param root the store's folder; it must exist
    public FileDisk(Path root) throws IOException {
        this.root = root;
        direct = probeDirect(root);
        rootKey = keyOf(root);
        space = Files.getFileStore(root);
        if (!direct) {
            log.warn(
                    "{}: no direct I/O in this file system; the journal and large writes use the"
                            + " cache",
                    root);
        }
    }

    private static @Nullable Object keyOf(Path folder) throws IOException {
        return Files.readAttributes(folder, BasicFileAttributes.class).fileKey();
    }

    private static OpenOption directOption() {
        try {
            Class<?> options = Class.forName("com.sun.nio.file.ExtendedOpenOption");
            return (OpenOption) options.getField("DIRECT").get(null);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("this JDK has no direct I/O", e);
        }
    }

    /// Whether the file system takes direct I/O: tmpfs and some network file systems do not.
    private static boolean probeDirect(Path root) throws IOException {
        Path probe = Files.createTempFile(root, "probe", ".tmp");
        try (var channel = FileChannel.open(probe, StandardOpenOption.WRITE, DIRECT)) {
            ByteBuffer block = ByteBuffer.allocateDirect(2 * ALIGNMENT_BYTES);
            block = block.alignedSlice(ALIGNMENT_BYTES).limit(ALIGNMENT_BYTES);
            return Files.getFileStore(root).getBlockSize() <= ALIGNMENT_BYTES
                    && channel.write(block, 0) == ALIGNMENT_BYTES;
        } catch (IOException | UnsupportedOperationException e) {
            return false;
        } finally {
            Files.deleteIfExists(probe);
        }
    }

    /// The store's folder.
    public Path root() {
        return root;
    }

    @Override
    public DiskFile open(String name, Use use) throws IOException {
        Path path = root.resolve(name);
        return switch (use) {
            case READ -> LinuxFile.open(path, LinuxFiles.O_RDONLY);
            case BUFFERED -> LinuxFile.open(path, LinuxFiles.O_RDWR | LinuxFiles.O_CREAT);
            case READ_DEVICE -> aligned(path, StandardOpenOption.READ);
            case DATA -> aligned(path, StandardOpenOption.WRITE);
            case DURABLE ->
                    aligned(
                            path,
                            StandardOpenOption.READ,
                            StandardOpenOption.WRITE,
                            StandardOpenOption.CREATE,
                            StandardOpenOption.DSYNC);
        };
    }

    private DiskFile aligned(Path path, OpenOption... options) throws IOException {
        var all = new HashSet<>(List.of(options));
        if (direct) {
            all.add(DIRECT);
        }
        return new AlignedFile(FileChannel.open(path, all));
    }

    @Override
    public boolean exists(String name) {
        return Files.exists(root.resolve(name));
    }

    @Override
    public List<String> list(String folder) throws IOException {
        try (Stream<Path> entries = Files.list(root.resolve(folder))) {
            return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
        } catch (NoSuchFileException e) {
            return List.of();
        }
    }

    @Override
    public void createFolder(String folder) throws IOException {
        // Never the root itself: where it is gone nothing of the store may be made anew.
        Path at = root;
        for (Path part : Path.of(folder)) {
            at = at.resolve(part);
            try {
                Files.createDirectory(at);
            } catch (FileAlreadyExistsException e) {
                // Groups of several loops write their first chunks at the same time.
                if (!Files.isDirectory(at)) {
                    throw e;
                }
            }
        }
    }

    @Override
    public void delete(String name) throws IOException {
        try {
            Files.deleteIfExists(root.resolve(name));
        } catch (DirectoryNotEmptyException e) {
            throw new IOException("cannot delete folder " + name + ": it is not empty", e);
        }
    }

    @Override
    public void forceFolder(String folder) throws IOException {
        try (var channel = FileChannel.open(root.resolve(folder), StandardOpenOption.READ)) {
            channel.force(true);
        } catch (NoSuchFileException e) {
            // A folder that is gone has nothing to make durable but its own absence.
            if (!folder.isEmpty()) {
                int slash = folder.lastIndexOf('/');
                forceFolder(slash < 0 ? "" : folder.substring(0, slash));
            }
        }
    }

    @Override
    public void forceFiles(Collection<String> names) throws IOException {
        long startNanos = BootClock.SYSTEM.nowNanos();
        for (String name : names) {
            long tookMillis =
                    TimeUnit.NANOSECONDS.toMillis(BootClock.SYSTEM.nowNanos() - startNanos);
            if (tookMillis > FORCED_ONE_BY_ONE_MILLIS_MAX) {
                LinuxFiles.syncFileSystem(root);
                return;
            }
            forceFile(name);
        }
    }

    /// Not to be interrupted, as a FileChannel is when a loop is closed: it would look like a
    /// failed disk.
    private void forceFile(String name) throws IOException {
        Path path = root.resolve(name);
        int descriptor;
        try {
            descriptor = LinuxFiles.open(path, LinuxFiles.O_RDWR);
        } catch (NoSuchFileException e) {
            log.debug("{} is gone before it was forced", name);
            return;
        }
        try {
            LinuxFiles.force(descriptor, path);
        } finally {
            LinuxFiles.close(descriptor);
        }
    }

    @Override
    public long freeBytes() throws IOException {
        // Files that are open would go on where they were, and new ones be made elsewhere.
        if (!Objects.equals(rootKey, keyOf(root))) {
            throw new IOException(
                    "%s is another folder than it was: was its disk unmounted?".formatted(root));
        }
        return space.getUsableSpace();
    }

    /// A file whose buffers, positions and lengths are aligned: one call moves all.
    private record AlignedFile(FileChannel channel) implements DiskFile {
        @Override
        public long sizeBytes() throws IOException {
            return channel.size();
        }

        @Override
        public int read(ByteBuffer into, long positionBytes) throws IOException {
            int total = 0;
            while (into.hasRemaining()) {
                int got = channel.read(into, positionBytes + total);
                total += Math.max(0, got);
                if (got < 0 || got % ALIGNMENT_BYTES != 0) {
                    // The file's end: from here on an aligned read would be refused.
                    break;
                }
            }
            return total;
        }

        @Override
        public void write(ByteBuffer from, long positionBytes) throws IOException {
            long position = positionBytes;
            while (from.hasRemaining()) {
                position += channel.write(from, position);
            }
        }

        @Override
        public void force() throws IOException {
            channel.force(false);
        }

        @Override
        public void punch(long positionBytes, long lengthBytes) {
            throw new UnsupportedOperationException("holes are for buffered files");
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }
}
