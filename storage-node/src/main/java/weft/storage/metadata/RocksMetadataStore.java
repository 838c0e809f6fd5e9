package weft.storage.metadata;

import org.jspecify.annotations.Nullable;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.CompressionType;
import org.rocksdb.FlushOptions;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.WALRecoveryMode;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/// The maps in RocksDB: one column family and so one write-ahead log, synced with each batch.
///
/// Batches are checkpoints, one every few seconds, so nothing here is tuned for small writes. The
/// log is replayed to the last intact batch (point-in-time): a batch that was synced is not lost,
/// unless the log is damaged. That it is cannot be told from a torn tail here; who numbers its
/// batches can tell.
public final class RocksMetadataStore implements MetadataStore {
    private static final long CACHE_BYTES = 16L << 20;
    private static final long MEMTABLE_BYTES = 16L << 20;

    /// After so many batches what is in memory goes to a table, and what comes to a new log. One
    /// table may be in the making, so the logs have at most twice as many that are in no table.
    public static final int LOGGED_BATCHES_MAX = 1024;

    static {
        RocksDB.loadLibrary();
    }

    private final Options options;
    private final LRUCache cache;
    private final BloomFilter filter;
    private final WriteOptions synced;
    private final FlushOptions soon;
    private final AtomicInteger logged = new AtomicInteger();
    private final RocksDB database;

    /// Opens the maps in this folder; makes it if absent.
    ///
    /// @throws MetadataException if they cannot be read
    public RocksMetadataStore(Path folder) throws IOException {
        cache = new LRUCache(CACHE_BYTES);
        filter = new BloomFilter(10);
        var tables = new BlockBasedTableConfig().setBlockCache(cache).setFilterPolicy(filter);
        options =
                new Options()
                        .setCreateIfMissing(!isUsed(folder))
                        .setTableFormatConfig(tables)
                        .setWriteBufferSize(MEMTABLE_BYTES)
                        .setMaxBackgroundJobs(2)
                        .setKeepLogFileNum(2)
                        .setMaxLogFileSize(1 << 20)
                        .setMaxTotalWalSize(4 * MEMTABLE_BYTES)
                        .setCompressionType(CompressionType.LZ4_COMPRESSION)
                        .setWalRecoveryMode(WALRecoveryMode.PointInTimeRecovery);
        synced = new WriteOptions().setSync(true);
        soon = new FlushOptions().setWaitForFlush(false);
        try {
            database = RocksDB.open(options, folder.toString());
        } catch (RocksDBException e) {
            closeOptions();
            throw failed("open " + folder, e);
        }
    }

    /// Whether something was written: made anew without its list of files, RocksDB would delete
    /// them.
    private static boolean isUsed(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return false;
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.anyMatch(file -> file.toString().matches(".*\\.(sst|log)"));
        }
    }

    @Override
    public byte @Nullable [] get(byte[] key) throws IOException {
        try {
            return database.get(key);
        } catch (RocksDBException e) {
            throw failed("get", e);
        }
    }

    @Override
    public void scan(byte[] prefix, Visitor visitor) throws IOException {
        try (var read = new ReadOptions().setFillCache(false);
                RocksIterator at = database.newIterator(read)) {
            for (at.seek(prefix); at.isValid(); at.next()) {
                byte[] key = at.key();
                if (key.length < prefix.length
                        || !Arrays.equals(key, 0, prefix.length, prefix, 0, prefix.length)) {
                    break;
                }
                visitor.entry(key, at.value());
            }
            at.status();
        } catch (RocksDBException e) {
            throw failed("scan", e);
        }
    }

    @Override
    public void write(Batch batch) throws IOException {
        try (var changes = new WriteBatch()) {
            for (Change change : batch.changes()) {
                switch (change) {
                    case Change.Put(byte[] key, byte[] value) -> changes.put(key, value);
                    case Change.Delete(byte[] key) -> changes.delete(key);
                    case Change.DeleteRange(byte[] from, byte[] to) ->
                            changes.deleteRange(from, to);
                }
            }
            database.write(synced, changes);
            if (logged.incrementAndGet() >= LOGGED_BATCHES_MAX) {
                logged.set(0);
                database.flush(soon);
            }
        } catch (RocksDBException e) {
            throw failed("write", e);
        }
    }

    /// What RocksDB has in memory, in bytes: beside the heap, and beside what its allocator keeps.
    ///
    /// @param blockCache blocks of tables that were read, at most [#CACHE_BYTES]
    /// @param memtables what was written and is in no table yet
    /// @param tableReaders indexes and filters of the tables, which the cache does not count
    public record Memory(long blockCache, long memtables, long tableReaders) {}

    /// What RocksDB has in memory now.
    public Memory memory() throws IOException {
        try {
            return new Memory(
                    database.getLongProperty("rocksdb.block-cache-usage"),
                    database.getLongProperty("rocksdb.cur-size-all-mem-tables"),
                    database.getLongProperty("rocksdb.estimate-table-readers-mem"));
        } catch (RocksDBException e) {
            throw failed("memory", e);
        }
    }

    private static MetadataException failed(String operation, RocksDBException e) {
        return new MetadataException("%s: %s".formatted(operation, e.getMessage()), e);
    }

    @Override
    public void close() {
        database.close();
        closeOptions();
    }

    private void closeOptions() {
        synced.close();
        soon.close();
        options.close();
        filter.close();
        cache.close();
    }
}
