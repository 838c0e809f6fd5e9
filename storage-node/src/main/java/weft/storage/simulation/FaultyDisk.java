package weft.storage.simulation;

import org.jspecify.annotations.Nullable;

import weft.storage.disk.Disk;
import weft.storage.disk.DiskFile;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;

/// A disk in memory that crashes at a chosen operation and loses what no force made durable: each
/// sector of an unforced write survives or not by itself, and so does each unforced creation and
/// deletion, of a folder with all that is in it. [#afterCrash()] is the disk that the next process
/// finds.
public final class FaultyDisk implements Disk {
    private static final int SECTOR_BYTES = 512;

    private final Random random;
    private final Map<String, FaultyFile> current = new TreeMap<>();
    private final Map<String, FaultyFile> durable = new TreeMap<>();

    /// Those made here, and whether they are durable.
    private final Map<String, Boolean> folders = new TreeMap<>();

    private long operations;
    private long crashAt = Long.MAX_VALUE;
    private long freeBytes = 1L << 40;
    private @Nullable Throwable broken;
    private String badSectorFile = "";
    private long badSectorBytes;

    /// The disk has crashed; nothing on it can be done any more.
    public static final class Crashed extends IOException {
        private static final long serialVersionUID = 1L;
    }

    private static final class FaultyFile {
        final SparseBytes bytes;
        final SparseBytes durable;
        final List<Unforced> unforced = new ArrayList<>();

        FaultyFile() {
            this(new SparseBytes());
        }

        FaultyFile(SparseBytes contents) {
            bytes = contents;
            durable = contents.copy();
        }

        void force() {
            for (Unforced write : unforced) {
                durable.takePages(bytes, write.position(), write.bytes().length);
            }
            unforced.clear();
        }
    }

    /// A write, or a hole if `bytes` is all zeroes.
    private record Unforced(long position, byte[] bytes) {}

    public FaultyDisk(Random random) {
        this.random = random;
    }

    /// Changes so far: the points at which a crash can be asked for.
    public synchronized long operations() {
        return operations;
    }

    /// Crashes in the middle of the change with this number.
    public synchronized void crashAt(long operation) {
        crashAt = operation;
    }

    public synchronized boolean isCrashed() {
        return operations > crashAt;
    }

    public synchronized void setFreeBytes(long bytes) {
        freeBytes = bytes;
    }

    /// Counts a change of this disk or of what dies with it; true if the crash happens in it.
    public synchronized boolean step() throws Crashed {
        if (operations > crashAt) {
            throw new Crashed();
        }
        return operations++ == crashAt;
    }

    synchronized void live() throws Crashed {
        if (operations > crashAt) {
            throw new Crashed();
        }
    }

    /// From now on writes to files throw this: an error of the device, or of the code.
    public synchronized void breakWritesBy(Throwable why) {
        broken = why;
    }

    /// The device does not give this byte of the file any more, until it is written.
    public synchronized void makeUnreadable(String file, long positionBytes) {
        badSectorFile = file;
        badSectorBytes = positionBytes;
    }

    private boolean hasBadSector(String file, long positionBytes, int lengthBytes) {
        return file.equals(badSectorFile)
                && badSectorBytes >= positionBytes
                && badSectorBytes < positionBytes + lengthBytes;
    }

    /// Throws it, if there is one.
    public static void raise(@Nullable Throwable why) throws IOException {
        switch (why) {
            case null -> {}
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new IllegalArgumentException(e);
        }
    }

    /// What survives: decided by the dice, file by file and sector by sector.
    public synchronized FaultyDisk afterCrash() {
        var next = new FaultyDisk(random);
        var names = new TreeSet<>(current.keySet());
        names.addAll(durable.keySet());
        Map<FaultyFile, FaultyFile> survivors = new HashMap<>();
        TreeSet<String> lost = lostFolders();
        folders.keySet().stream()
                .filter(folder -> !lost.contains(folder))
                .forEach(folder -> next.folders.put(folder, true));
        names.removeIf(name -> lost.contains(parentOf(name)));
        for (String name : names) {
            FaultyFile now = current.get(name);
            FaultyFile before = durable.get(name);
            FaultyFile chosen = now == before || random.nextBoolean() ? now : before;
            if (chosen != null) {
                FaultyFile kept = survivors.computeIfAbsent(chosen, this::survivorOf);
                next.current.put(name, kept);
                next.durable.put(name, kept);
            }
        }
        return next;
    }

    private TreeSet<String> lostFolders() {
        var lost = new TreeSet<String>();
        folders.forEach((folder, isDurable) -> {
            if (lost.contains(parentOf(folder)) || !isDurable && random.nextBoolean()) {
                lost.add(folder);
            }
        });
        return lost;
    }

    private static String parentOf(String name) {
        int slash = name.lastIndexOf('/');
        return slash < 0 ? "" : name.substring(0, slash);
    }

    private FaultyFile survivorOf(FaultyFile file) {
        SparseBytes kept = file.durable.copy();
        for (Unforced write : file.unforced) {
            for (int at = 0; at < write.bytes().length; at += SECTOR_BYTES) {
                if (random.nextBoolean()) {
                    int count = Math.min(SECTOR_BYTES, write.bytes().length - at);
                    kept.write(write.position() + at, write.bytes(), at, count);
                }
            }
        }
        return new FaultyFile(kept);
    }

    /// Flips a bit of a file, durably, as a failing medium does.
    public synchronized void damage(String name, long position) {
        FaultyFile file = Objects.requireNonNull(current.get(name));
        file.bytes.flip(position, 1);
        if (position < file.durable.lengthBytes()) {
            file.durable.flip(position, 1);
        }
    }

    /// The length of a file, 0 if there is none.
    public synchronized int lengthBytes(String name) {
        FaultyFile file = current.get(name);
        return file == null ? 0 : file.bytes.lengthBytes();
    }

    /// A copy of a file's bytes.
    public synchronized byte[] contents(String name) {
        return Objects.requireNonNull(current.get(name)).bytes.toBytes();
    }

    @Override
    public synchronized DiskFile open(String name, Use use) throws IOException {
        live();
        if (!current.containsKey(name)) {
            if (use == Use.READ || use == Use.READ_DEVICE || use == Use.DATA) {
                throw new NoSuchFileException(name);
            }
            boolean crash = step();
            current.put(name, new FaultyFile());
            if (crash) {
                throw new Crashed();
            }
        }
        return new OpenFile(name, Objects.requireNonNull(current.get(name)), use);
    }

    @Override
    public synchronized boolean exists(String name) {
        return current.containsKey(name);
    }

    @Override
    public synchronized List<String> list(String folder) throws IOException {
        live();
        String prefix = folder + "/";
        var names = new TreeSet<String>();
        for (String name : current.keySet()) {
            if (name.startsWith(prefix)) {
                String rest = name.substring(prefix.length());
                int slash = rest.indexOf('/');
                names.add(slash < 0 ? rest : rest.substring(0, slash));
            }
        }
        return List.copyOf(names);
    }

    @Override
    public synchronized void createFolder(String folder) throws IOException {
        live();
        for (int end = 0; end >= 0; ) {
            end = folder.indexOf('/', end + 1);
            String part = end < 0 ? folder : folder.substring(0, end);
            if (folders.putIfAbsent(part, false) == null && step()) {
                throw new Crashed();
            }
        }
    }

    @Override
    public synchronized void delete(String name) throws IOException {
        boolean crash = step();
        current.remove(name);
        if (crash) {
            throw new Crashed();
        }
    }

    @Override
    public synchronized void forceFolder(String folder) throws IOException {
        if (step()) {
            throw new Crashed();
        }
        var names = new TreeSet<>(current.keySet());
        names.addAll(durable.keySet());
        for (String name : names) {
            if (folder.equals(parentOf(name))) {
                FaultyFile file = current.get(name);
                if (file == null) {
                    durable.remove(name);
                } else {
                    durable.put(name, file);
                }
            }
        }
        folders.replaceAll((name, isDurable) -> isDurable || folder.equals(parentOf(name)));
    }

    @Override
    public synchronized void forceFiles(Collection<String> names) throws IOException {
        for (String name : names) {
            if (step()) {
                throw new Crashed();
            }
            FaultyFile file = current.get(name);
            if (file != null) {
                file.force();
            }
        }
    }

    @Override
    public synchronized long freeBytes() throws IOException {
        live();
        long used = 0;
        for (FaultyFile file : current.values()) {
            used += file.bytes.lengthBytes();
        }
        return Math.max(0, freeBytes - used);
    }

    private final class OpenFile implements DiskFile {
        private final String name;
        private final FaultyFile file;
        private final Use use;

        OpenFile(String name, FaultyFile file, Use use) {
            this.name = name;
            this.file = file;
            this.use = use;
        }

        @Override
        public long sizeBytes() throws IOException {
            synchronized (FaultyDisk.this) {
                live();
                return file.bytes.lengthBytes();
            }
        }

        @Override
        public int read(ByteBuffer into, long positionBytes) throws IOException {
            synchronized (FaultyDisk.this) {
                live();
                int from = (int) Math.min(positionBytes, file.bytes.lengthBytes());
                int count = Math.min(into.remaining(), file.bytes.lengthBytes() - from);
                if (hasBadSector(name, from, count)) {
                    throw new IOException("unreadable");
                }
                return file.bytes.read(positionBytes, into);
            }
        }

        @Override
        public void write(ByteBuffer from, long positionBytes) throws IOException {
            byte[] bytes = new byte[from.remaining()];
            from.get(bytes);
            if (use == Use.READ || use == Use.READ_DEVICE) {
                throw new IOException("not open for writing");
            }
            if (use == Use.DURABLE || use == Use.DATA) {
                boolean aligned =
                        positionBytes % ALIGNMENT_BYTES == 0 && bytes.length % ALIGNMENT_BYTES == 0;
                if (!aligned) {
                    throw new IOException(
                            "not aligned: %d+%d".formatted(positionBytes, bytes.length));
                }
            }
            change(positionBytes, bytes);
        }

        private void change(long position, byte[] bytes) throws IOException {
            synchronized (FaultyDisk.this) {
                raise(broken);
                boolean crash = step();
                if (hasBadSector(name, position, bytes.length)) {
                    badSectorFile = "";
                }
                file.bytes.write(position, bytes, 0, bytes.length);
                file.unforced.add(new Unforced(position, bytes));
                if (crash) {
                    throw new Crashed();
                }
                if (use == Use.DURABLE) {
                    file.force();
                }
            }
        }

        @Override
        public void force() throws IOException {
            synchronized (FaultyDisk.this) {
                if (step()) {
                    throw new Crashed();
                }
                file.force();
            }
        }

        @Override
        public void punch(long positionBytes, long lengthBytes) throws IOException {
            synchronized (FaultyDisk.this) {
                long end = Math.min(positionBytes + lengthBytes, file.bytes.lengthBytes());
                change(positionBytes, new byte[(int) Math.max(0, end - positionBytes)]);
            }
        }

        @Override
        public void close() {}
    }
}
