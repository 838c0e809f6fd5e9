package weft.storage.store;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.fabric.VolumeId;
import weft.runtime.Loop;
import weft.storage.chunk.BlockMap;
import weft.storage.disk.FileDisk;
import weft.storage.disk.RepeatingDisk;
import weft.storage.journal.JournalRecord;
import weft.storage.metadata.RocksMetadataStore;
import weft.storage.replica.ReplicaDisk;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;
import weft.wire.storage.StorageMessage.ReadBlocks;

import java.io.IOException;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;

/// What a store with so much data takes in memory, by hand: `MapsInMemory FOLDER fill GIBIBYTES`,
/// then, in a process of its own, `MapsInMemory FOLDER use GIBIBYTES`. [RunMapsInMemory] does both.
///
/// Everything is what a storage node runs below its replicas: journal, chunks, checkpoints, maps in
/// RocksDB, checksums verified at each read. Only the bytes of blocks are not kept in full
/// ([RepeatingDisk]), and there are no sockets.
final class MapsInMemory {
    private static final int GROUPS = 32;
    private static final int WRITE_BYTES = 1 << 20;
    private static final int REWRITE_BYTES = 64 << 10;
    private static final int IN_FLIGHT = 16;
    private static final long CHUNKS_PER_GIBIBYTE = (1L << 30) / ChunkKey.CHUNK_BYTES;
    private static final List<VolumeId> LAYERS = List.of(new VolumeId(1));

    private final Path folder;
    private final long chunks;
    private final RocksMetadataStore metadata;
    private final Store store;
    private final Loop loop = new Loop("replicas");
    private final Semaphore slots = new Semaphore(IN_FLIGHT);
    private final AtomicReference<String> wrong = new AtomicReference<>("");
    private final Group[] groups = new Group[GROUPS];

    private MapsInMemory(Path folder, long gibibytes) throws IOException {
        this.folder = folder;
        chunks = gibibytes * CHUNKS_PER_GIBIBYTE;
        Files.createDirectories(folder);
        long begun = System.nanoTime();
        metadata = new RocksMetadataStore(folder.resolve("metadata"));
        var disk = new RepeatingDisk(new FileDisk(folder));
        store = new Store(disk, metadata, new UUID(7, 7), StoreSettings.DEFAULT);
        for (int i = 0; i < GROUPS; i++) {
            groups[i] = new Group(new PlacementGroupId(i));
        }
        System.out.printf("opened in %d ms%n", (System.nanoTime() - begun) / 1_000_000);
        store.start();
    }

    public static void main(String[] args) throws Exception {
        var run = new MapsInMemory(Path.of(args[0]), Long.parseLong(args[2]));
        switch (args[1]) {
            case "fill" -> run.fill();
            case "use" -> run.use();
            default -> throw new IllegalArgumentException(args[1]);
        }
        run.loop.close();
        run.store.close();
    }

    private void fill() throws Exception {
        tell("empty");
        for (long chunk = 0; chunk < chunks; chunk++) {
            for (int at = 0; at < ChunkKey.CHUNK_BYTES; at += WRITE_BYTES) {
                write(chunk, at, WRITE_BYTES, 1);
            }
        }
        settle();
        tell("written once, in order");
        // A large write to where something is goes elsewhere: then a map has places, too.
        for (long chunk = 0; chunk < chunks; chunk++) {
            write(chunk, 0, REWRITE_BYTES, 2);
        }
        settle();
        tell("a piece of each chunk written anew: all maps have places");
    }

    private void use() throws Exception {
        tell("opened");
        var random = new SplittableRandom(1);
        for (long gibibytes : new long[] {1, 10, chunks / CHUNKS_PER_GIBIBYTE}) {
            long within = Math.min(chunks, gibibytes * CHUNKS_PER_GIBIBYTE);
            readAtRandom(random, within, 50_000);
            tell("50,000 blocks read at random in %d GiB".formatted(gibibytes));
        }
        for (long chunk = 0; chunk < chunks; chunk++) {
            for (int at = 0; at < ChunkKey.CHUNK_BYTES; at += WRITE_BYTES) {
                read(chunk, at, WRITE_BYTES);
            }
        }
        settle();
        tell("all read in order");
        for (int i = 0; i < 50_000; i++) {
            int block = random.nextInt(ChunkKey.CHUNK_BLOCKS);
            write(random.nextLong(chunks), block * ChunkKey.BLOCK_BYTES, ChunkKey.BLOCK_BYTES, 3);
        }
        settle();
        tell("50,000 blocks written at random");
        readAtRandom(random, chunks, 50_000);
        tell("and 50,000 read at random");
    }

    private void readAtRandom(SplittableRandom random, long within, int count) throws Exception {
        long begun = System.nanoTime();
        for (int i = 0; i < count; i++) {
            int block = random.nextInt(ChunkKey.CHUNK_BLOCKS);
            read(random.nextLong(within), block * ChunkKey.BLOCK_BYTES, ChunkKey.BLOCK_BYTES);
        }
        settle();
        System.out.printf("%d us a read%n", (System.nanoTime() - begun) / 1_000 / count);
    }

    private Group groupOf(long chunk) {
        return groups[(int) (chunk % GROUPS)];
    }

    private void write(long chunk, int offset, int lengthBytes, long generation)
            throws InterruptedException {
        int blocks = lengthBytes / ChunkKey.BLOCK_BYTES;
        ByteBuffer payload = ByteBuffer.allocate(lengthBytes);
        ByteBuffer checksums = ByteBuffer.allocate(blocks * Integer.BYTES);
        for (int i = 0; i < blocks; i++) {
            long block = chunk * ChunkKey.CHUNK_BLOCKS + offset / ChunkKey.BLOCK_BYTES + i;
            RepeatingDisk.repeat(
                    new SplittableRandom(generation << 48 | block).nextLong(), payload);
            int at = i * ChunkKey.BLOCK_BYTES;
            checksums.putInt(BlockMap.checksum(payload.slice(at, ChunkKey.BLOCK_BYTES)));
        }
        var write = new Mutation.Write(LAYERS, chunk, offset, payload.flip(), checksums.flip());
        slots.acquire();
        loop.execute(() -> groupOf(chunk).write(write));
    }

    private void read(long chunk, int offset, int lengthBytes) throws InterruptedException {
        Group group = groupOf(chunk);
        var read = new ReadBlocks(group.pg, 1, 0, LAYERS, chunk, offset, lengthBytes);
        slots.acquire();
        loop.execute(() -> group.disk.read(chunk, read));
    }

    /// Waits for all that is under way, and for a checkpoint.
    private void settle() throws Exception {
        slots.acquire(IN_FLIGHT);
        slots.release(IN_FLIGHT);
        store.checkpoint();
        if (!wrong.get().isEmpty()) {
            throw new IOException(wrong.get());
        }
    }

    private void tell(String when) throws IOException {
        String before = resident();
        var heap = ManagementFactory.getMemoryMXBean();
        System.gc();
        long direct = 0;
        for (var pool : ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class)) {
            direct += pool.getName().equals("direct") ? pool.getMemoryUsed() : 0;
        }
        RocksMetadataStore.Memory rocks = metadata.memory();
        System.out.printf(
                "%s: resident %s, after a collection %s; heap used %s of %s, direct %s; RocksDB"
                        + " cache %s, memtables %s, readers %s; maps on disk %s%n",
                when,
                before,
                resident(),
                mebibytes(heap.getHeapMemoryUsage().getUsed()),
                mebibytes(heap.getHeapMemoryUsage().getCommitted()),
                mebibytes(direct),
                mebibytes(rocks.blockCache()),
                mebibytes(rocks.memtables()),
                mebibytes(rocks.tableReaders()),
                mebibytes(sizeOf(folder.resolve("metadata"))));
    }

    private static String resident() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/smaps_rollup"))) {
            if (line.startsWith("Rss:")) {
                return mebibytes(Long.parseLong(line.replaceAll("\\D", "")) << 10);
            }
        }
        return "?";
    }

    private static String mebibytes(long bytes) {
        return "%.1f MiB".formatted(bytes / 1048576.0);
    }

    private static long sizeOf(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.mapToLong(file -> file.toFile().isFile() ? file.toFile().length() : 0)
                    .sum();
        }
    }

    /// One group, as its replica drives it: what is durable is applied.
    private final class Group implements ReplicaDisk.Events {
        private final PlacementGroupId pg;
        private final ReplicaDisk disk;
        private final TreeMap<Long, Entry> pending = new TreeMap<>();
        private long sequence;

        Group(PlacementGroupId pg) {
            this.pg = pg;
            sequence = store.recovered(pg).appliedSequence();
            disk = store.attach(pg, loop, this);
        }

        void write(Mutation mutation) {
            sequence++;
            var entry = new Entry(1, sequence, 5, sequence, sequence, 0, mutation);
            pending.put(sequence, entry);
            disk.append(sequence, new JournalRecord.Prepared(pg, 1, entry));
        }

        @Override
        public void onDurable(long ticket) {
            while (!pending.isEmpty() && pending.firstKey() <= ticket) {
                disk.apply(pending.pollFirstEntry().getValue());
                slots.release();
            }
        }

        @Override
        public void onRead(long ticket, ReplicaDisk.ReadOutcome outcome) {
            if (!(outcome instanceof ReplicaDisk.ReadOutcome.Blocks)) {
                wrong.set(pg + ": " + outcome);
            }
            slots.release();
        }

        @Override
        public void onChunkList(long ticket, List<ChunkStamp> stamps, boolean last) {}

        @Override
        public void onChunk(long ticket, Optional<ChunkContent> content) {}

        @Override
        public void onDamaged(long ticket, DamagedBlock block) {
            wrong.set(block + " is damaged");
        }

        @Override
        public void onRepaired(long ticket, boolean fits) {}

        @Override
        public void onDone(long ticket) {}

        @Override
        public void onFailed(long ticket, String detail) {
            wrong.set(detail);
        }
    }
}
