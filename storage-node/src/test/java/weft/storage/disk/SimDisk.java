package weft.storage.disk;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Arrays;
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
public final class SimDisk implements Disk {
    private static final int SECTOR_BYTES = 512;

    private final Random random;
    private final Map<String, SimFile> current = new TreeMap<>();
    private final Map<String, SimFile> durable = new TreeMap<>();

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

    private static final class SimFile {
        byte[] bytes = new byte[0];
        byte[] durableBytes = new byte[0];
        final List<Unforced> unforced = new ArrayList<>();
    }

    /// A write, or a hole if `bytes` is all zeroes.
    private record Unforced(long position, byte[] bytes) {}

    public SimDisk(Random random) {
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
    public synchronized SimDisk afterCrash() {
        var next = new SimDisk(random);
        var names = new TreeSet<>(current.keySet());
        names.addAll(durable.keySet());
        Map<SimFile, SimFile> survivors = new HashMap<>();
        TreeSet<String> lost = lostFolders();
        folders.keySet().stream()
                .filter(folder -> !lost.contains(folder))
                .forEach(folder -> next.folders.put(folder, true));
        names.removeIf(name -> lost.contains(parentOf(name)));
        for (String name : names) {
            SimFile now = current.get(name);
            SimFile before = durable.get(name);
            SimFile chosen = now == before || random.nextBoolean() ? now : before;
            if (chosen != null) {
                SimFile kept = survivors.computeIfAbsent(chosen, this::survivorOf);
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

    private SimFile survivorOf(SimFile file) {
        var kept = new SimFile();
        kept.bytes = file.durableBytes.clone();
        for (Unforced write : file.unforced) {
            for (int at = 0; at < write.bytes().length; at += SECTOR_BYTES) {
                if (random.nextBoolean()) {
                    int count = Math.min(SECTOR_BYTES, write.bytes().length - at);
                    kept.bytes = put(kept.bytes, write.position() + at, write.bytes(), at, count);
                }
            }
        }
        kept.durableBytes = kept.bytes.clone();
        return kept;
    }

    private static byte[] put(byte[] file, long position, byte[] from, int offset, int count) {
        int end = Math.toIntExact(position + count);
        byte[] grown = end > file.length ? Arrays.copyOf(file, end) : file;
        System.arraycopy(from, offset, grown, (int) position, count);
        return grown;
    }

    /// Flips a bit of a file, durably, as a failing medium does.
    public synchronized void damage(String name, long position) {
        SimFile file = Objects.requireNonNull(current.get(name));
        file.bytes[(int) position] ^= 1;
        if (position < file.durableBytes.length) {
            file.durableBytes[(int) position] ^= 1;
        }
    }

    /// The length of a file, 0 if there is none.
    public synchronized int lengthBytes(String name) {
        SimFile file = current.get(name);
        return file == null ? 0 : file.bytes.length;
    }

    /// A copy of a file's bytes.
    public synchronized byte[] contents(String name) {
        return Objects.requireNonNull(current.get(name)).bytes.clone();
    }

    @Override
    public synchronized DiskFile open(String name, Use use) throws IOException {
        live();
        if (!current.containsKey(name)) {
            if (use == Use.READ || use == Use.READ_DEVICE || use == Use.DATA) {
                throw new NoSuchFileException(name);
            }
            boolean crash = step();
            current.put(name, new SimFile());
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
                SimFile file = current.get(name);
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
            SimFile file = current.get(name);
            if (file != null) {
                file.durableBytes = file.bytes.clone();
                file.unforced.clear();
            }
        }
    }

    @Override
    public synchronized long freeBytes() throws IOException {
        live();
        long used = 0;
        for (SimFile file : current.values()) {
            used += file.bytes.length;
        }
        return Math.max(0, freeBytes - used);
    }

    private final class OpenFile implements DiskFile {
        private final String name;
        private final SimFile file;
        private final Use use;

        OpenFile(String name, SimFile file, Use use) {
            this.name = name;
            this.file = file;
            this.use = use;
        }

        @Override
        public long sizeBytes() throws IOException {
            synchronized (SimDisk.this) {
                live();
                return file.bytes.length;
            }
        }

        @Override
        public int read(ByteBuffer into, long positionBytes) throws IOException {
            synchronized (SimDisk.this) {
                live();
                int from = (int) Math.min(positionBytes, file.bytes.length);
                int count = Math.min(into.remaining(), file.bytes.length - from);
                if (hasBadSector(name, from, count)) {
                    throw new IOException("unreadable");
                }
                into.put(file.bytes, from, count);
                return count;
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
            synchronized (SimDisk.this) {
                raise(broken);
                boolean crash = step();
                if (hasBadSector(name, position, bytes.length)) {
                    badSectorFile = "";
                }
                file.bytes = put(file.bytes, position, bytes, 0, bytes.length);
                file.unforced.add(new Unforced(position, bytes));
                if (crash) {
                    throw new Crashed();
                }
                if (use == Use.DURABLE) {
                    file.durableBytes = put(file.durableBytes, position, bytes, 0, bytes.length);
                    file.unforced.clear();
                }
            }
        }

        @Override
        public void force() throws IOException {
            synchronized (SimDisk.this) {
                if (step()) {
                    throw new Crashed();
                }
                file.durableBytes = file.bytes.clone();
                file.unforced.clear();
            }
        }

        @Override
        public void punch(long positionBytes, long lengthBytes) throws IOException {
            synchronized (SimDisk.this) {
                long end = Math.min(positionBytes + lengthBytes, file.bytes.length);
                change(positionBytes, new byte[(int) Math.max(0, end - positionBytes)]);
            }
        }

        @Override
        public void close() {}
    }
}
