package weft.storage.simulation;

import org.jspecify.annotations.Nullable;

import weft.storage.disk.Disk;
import weft.storage.disk.DiskFile;
import weft.storage.disk.FileHeader;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
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
    /// Of a disk that nobody fills.
    private static final long FREE_BYTES = 1L << 40;

    private final Random random;
    private final Map<String, FaultyFile> current = new TreeMap<>();
    private final Map<String, FaultyFile> durable = new TreeMap<>();

    /// Those made here, and whether they are durable.
    private final Map<String, Boolean> folders = new TreeMap<>();

    private long operations;
    private long crashAt = Long.MAX_VALUE;
    private long freeBytes = FREE_BYTES;
    private @Nullable Throwable broken;
    private String badSectorFile = "";
    private long badSectorBytes;
    private String spoiltPrefix = "";
    private @Nullable Mishap mishap;
    private String lyingPrefix = "";
    private boolean lies;
    private FaultyFile.Survival survival = FaultyFile.Survival.SECTORS;
    private long survivesUntil;
    private long liesSince;

    /// What becomes of a write that the device says is done.
    public enum Mishap {
        /// A bit of it is another one.
        FLIPPED,
        /// It is done at another place of the file.
        ELSEWHERE,
        /// It is not done.
        NOWHERE
    }

    /// The disk has crashed; nothing on it can be done any more.
    public static final class Crashed extends IOException {
        private static final long serialVersionUID = 1L;
    }

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

    /// Others fill it, but for so much.
    public synchronized void leaveBytes(long bytes) {
        freeBytes = usedBytes() + bytes;
    }

    private long usedBytes() {
        long used = 0;
        for (FaultyFile file : current.values()) {
            used += file.bytes.storedBytes();
        }
        return used;
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

    /// This becomes of the next write to a file of that folder, but of its header.
    public synchronized void spoilNextWrite(String folder, Mishap what) {
        spoiltPrefix = folder;
        mishap = what;
    }

    /// The next one is done as it is to be, after all.
    public synchronized void spoilNothing() {
        mishap = null;
    }

    /// Whether that write is still to come.
    public synchronized boolean isToSpoil() {
        return mishap != null;
    }

    /// From now on what is said to be durable of the files in that folder is not.
    ///
    /// @param folder or any part of a name before it; all files if empty
    public synchronized void lieAbout(String folder) {
        lyingPrefix = folder;
        lies = true;
        liesSince = operations;
    }

    private boolean isHonestAbout(String name) {
        return !lies || !name.startsWith(lyingPrefix);
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

    /// What the next process finds if only this one ends: all that was written. This disk is no
    /// more.
    public synchronized FaultyDisk afterKill() {
        var next = new FaultyDisk(random);
        next.current.putAll(current);
        next.durable.putAll(durable);
        next.folders.putAll(folders);
        next.freeBytes = freeBytes;
        crashAt = -1;
        return next;
    }

    /// What survives: decided by the dice, file by file and sector by sector.
    public synchronized FaultyDisk afterCrash() {
        var next = new FaultyDisk(random);
        next.freeBytes = freeBytes;
        if (lies) {
            survival = FaultyFile.Survival.any(random);
            survivesUntil = liesSince + random.nextLong(operations - liesSince + 1);
        }
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
                FaultyFile kept =
                        survivors.computeIfAbsent(
                                chosen, file -> file.survivor(survival, survivesUntil, random));
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
            if (folder.equals(parentOf(name)) && isHonestAbout(name)) {
                FaultyFile file = current.get(name);
                if (file == null) {
                    durable.remove(name);
                } else {
                    durable.put(name, file);
                }
            }
        }
        folders.replaceAll((name, isDurable) ->
                isDurable || folder.equals(parentOf(name)) && isHonestAbout(name));
    }

    @Override
    public synchronized void forceFiles(Collection<String> names) throws IOException {
        for (String name : names) {
            if (step()) {
                throw new Crashed();
            }
            FaultyFile file = current.get(name);
            if (file != null && isHonestAbout(name)) {
                file.force();
            }
        }
    }

    @Override
    public synchronized long freeBytes() throws IOException {
        live();
        return Math.max(0, freeBytes - usedBytes());
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
            synchronized (FaultyDisk.this) {
                Mishap happens = mishap;
                boolean isSpoilt =
                        happens != null
                                && positionBytes >= FileHeader.SIZE_BYTES
                                && name.startsWith(spoiltPrefix);
                if (isSpoilt && happens != null) {
                    mishap = null;
                    spoil(positionBytes, bytes, happens);
                } else {
                    change(positionBytes, bytes);
                }
            }
        }

        private void spoil(long position, byte[] bytes, Mishap how) throws IOException {
            switch (how) {
                case FLIPPED -> {
                    bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
                    change(position, bytes);
                }
                case ELSEWHERE -> {
                    int blocks = Math.max(2, file.bytes.lengthBytes() / ALIGNMENT_BYTES);
                    long other = (1L + random.nextInt(blocks - 1)) * ALIGNMENT_BYTES;
                    if (other != position) {
                        change(other, bytes);
                    }
                }
                case NOWHERE -> {}
            }
        }

        private void change(long position, byte[] bytes) throws IOException {
            synchronized (FaultyDisk.this) {
                raise(broken);
                checkSpace(position, bytes);
                boolean crash = step();
                if (hasBadSector(name, position, bytes.length)) {
                    badSectorFile = "";
                }
                file.bytes.write(position, bytes, 0, bytes.length);
                file.unforced.add(new FaultyFile.Unforced(operations, position, bytes));
                if (crash) {
                    throw new Crashed();
                }
                if (use == Use.DURABLE && isHonestAbout(name)) {
                    file.force();
                }
            }
        }

        /// A write of zeroes needs none: it may be a hole.
        private void checkSpace(long position, byte[] bytes) throws IOException {
            if (freeBytes < FREE_BYTES) {
                long more = file.bytes.storedBytesOf(position, bytes) - file.bytes.storedBytes();
                if (more > 0 && usedBytes() + more > freeBytes) {
                    throw new IOException("No space left on device");
                }
            }
        }

        @Override
        public void force() throws IOException {
            synchronized (FaultyDisk.this) {
                if (step()) {
                    throw new Crashed();
                }
                if (isHonestAbout(name)) {
                    file.force();
                }
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
