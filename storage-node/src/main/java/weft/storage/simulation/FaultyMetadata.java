package weft.storage.simulation;

import org.jspecify.annotations.Nullable;

import weft.storage.metadata.MetadataStore;

import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/// Maps in memory that crash with their [FaultyDisk]: the batch under way then lives or not, as a
/// whole.
public final class FaultyMetadata implements MetadataStore {
    private final FaultyDisk disk;
    private final Random random;
    private @Nullable Throwable broken;
    private final TreeMap<byte[], byte[]> entries = new TreeMap<>(Arrays::compareUnsigned);

    private Meanwhile meanwhile = () -> {};

    public FaultyMetadata(FaultyDisk disk, Random random) {
        this.disk = disk;
        this.random = random;
    }

    /// What the next process finds.
    public FaultyMetadata afterCrash(FaultyDisk nextDisk) {
        var next = new FaultyMetadata(nextDisk, random);
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
        FaultyDisk.raise(broken);
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
            throw new FaultyDisk.Crashed();
        }
    }

    @Override
    public void close() {}
}
