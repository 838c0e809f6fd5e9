package weft.storage.metadata;

import org.jspecify.annotations.Nullable;

import weft.storage.disk.SimDisk;

import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/// Maps in memory that crash with their [SimDisk]: the batch under way then lives or not, as a
/// whole.
public final class SimMetadataStore implements MetadataStore {
    private final SimDisk disk;
    private final Random random;
    private @Nullable Throwable broken;
    private final TreeMap<byte[], byte[]> entries = new TreeMap<>(Arrays::compareUnsigned);

    private Meanwhile meanwhile = () -> {};

    public SimMetadataStore(SimDisk disk, Random random) {
        this.disk = disk;
        this.random = random;
    }

    /// What the next process finds.
    public SimMetadataStore afterCrash(SimDisk nextDisk) {
        var next = new SimMetadataStore(nextDisk, random);
        next.entries.putAll(entries);
        return next;
    }

    @Override
    public synchronized byte @Nullable [] get(byte[] key) {
        return entries.get(key);
    }

    @Override
    public synchronized void scan(byte[] prefix, Visitor visitor) throws IOException {
        for (Map.Entry<byte[], byte[]> entry : entries.tailMap(prefix, true).entrySet()) {
            if (!Arrays.equals(prefix, Arrays.copyOf(entry.getKey(), prefix.length))) {
                break;
            }
            visitor.entry(entry.getKey(), entry.getValue());
        }
    }

    /// From now on writes throw this.
    public synchronized void breakBy(Throwable why) {
        broken = why;
    }

    /// What else goes on while a batch is being written.
    @FunctionalInterface
    public interface Meanwhile {
        /// Does it.
        void run() throws IOException;
    }

    /// The next write is in no hurry: this is done first.
    public synchronized void beforeNextWrite(Meanwhile what) {
        meanwhile = what;
    }

    @Override
    public synchronized void write(Batch batch) throws IOException {
        Meanwhile first = meanwhile;
        meanwhile = () -> {};
        first.run();
        SimDisk.raise(broken);
        boolean crash = disk.step();
        if (!crash || random.nextBoolean()) {
            for (Change change : batch.changes()) {
                switch (change) {
                    case Change.Put(byte[] key, byte[] value) -> entries.put(key, value);
                    case Change.Delete(byte[] key) -> entries.remove(key);
                    case Change.DeleteRange(byte[] from, byte[] to) ->
                            entries.subMap(from, true, to, false).clear();
                }
            }
        }
        if (crash) {
            throw new SimDisk.Crashed();
        }
    }

    @Override
    public void close() {}
}
