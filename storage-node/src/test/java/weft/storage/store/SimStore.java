package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;

import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.fabric.VolumeId;
import weft.runtime.BootClock;
import weft.runtime.Clock;
import weft.storage.chunk.BlockMap;
import weft.storage.journal.JournalRecord;
import weft.storage.journal.JournalSettings;
import weft.storage.replica.ReplicaDisk;
import weft.storage.simulation.FaultyDisk;
import weft.storage.simulation.FaultyMetadata;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;
import weft.wire.storage.StorageMessage.ReadBlocks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/// A store over a simulated disk, without threads: every event comes at once, on the caller's
/// thread.
final class SimStore implements ReplicaDisk.Events {
    static final UUID CLUSTER = new UUID(7, 7);
    static final PlacementGroupId PG = new PlacementGroupId(3);
    static final VolumeId BASE = new VolumeId(1);
    static final VolumeId CLONE = new VolumeId(2);
    static final VolumeId OTHER = new VolumeId(3);
    static final List<VolumeId> BASE_ONLY = List.of(BASE);
    static final List<VolumeId> CLONE_ON_BASE = List.of(CLONE, BASE);

    static final StoreSettings TINY =
            new StoreSettings(
                    new JournalSettings(96 << 10, 64 << 10, 64 << 10, 1 << 20, 4 << 20),
                    1L << 30,
                    1 << 20,
                    1 << 20,
                    10_000,
                    1 << 16,
                    8,
                    3 * ChunkKey.BLOCK_BYTES);

    static {
        // Every simulated crash fails a store: expected, and no news.
        ((Logger) LoggerFactory.getLogger(Store.class)).setLevel(Level.OFF);
    }

    FaultyDisk disk;
    FaultyMetadata metadata;
    @Nullable Store opened;
    @Nullable ReplicaDisk attached;

    final Set<Long> durable = ConcurrentHashMap.newKeySet();
    final Set<Long> done = ConcurrentHashMap.newKeySet();
    final List<String> failed = new CopyOnWriteArrayList<>();
    ReplicaDisk.@Nullable ReadOutcome lastRead;
    List<ChunkStamp> lastList = List.of();
    Optional<ChunkContent> lastChunk = Optional.empty();
    Optional<DamagedBlock> lastDamaged = Optional.empty();
    boolean lastFits;
    int lastNextBlock;
    List<DamagedBlock> lastVerifiedDamaged = List.of();

    SimStore(Random random) {
        disk = new FaultyDisk(random);
        metadata = new FaultyMetadata(disk, random);
    }

    Store open() throws IOException {
        return open(TINY);
    }

    Store open(StoreSettings settings) throws IOException {
        return open(settings, BootClock.SYSTEM);
    }

    Store open(StoreSettings settings, Clock clock) throws IOException {
        durable.clear();
        done.clear();
        failed.clear();
        var store = new Store(disk, metadata, CLUSTER, settings, clock);
        opened = store;
        attached = store.attach(PG, Runnable::run, this);
        return store;
    }

    Store store() {
        return Objects.requireNonNull(opened);
    }

    ReplicaDisk group() {
        return Objects.requireNonNull(attached);
    }

    /// The machine went down and comes up again.
    void crash() {
        FaultyDisk next = disk.afterCrash();
        metadata = metadata.afterCrash(next);
        disk = next;
    }

    static Entry entry(long sequence, Mutation mutation) {
        return entry(1, sequence, mutation);
    }

    static Entry entry(long version, long sequence, Mutation mutation) {
        return new Entry(version, sequence, 5, sequence, sequence, 0, mutation);
    }

    static Mutation.Write write(List<VolumeId> layers, long chunk, int offset, byte[] bytes) {
        int first = (offset + ChunkKey.BLOCK_BYTES - 1) / ChunkKey.BLOCK_BYTES;
        int whole = Mutation.wholeBlocks(offset, bytes.length);
        ByteBuffer checksums = ByteBuffer.allocate(4 * whole);
        for (int i = 0; i < whole; i++) {
            int at = (first + i) * ChunkKey.BLOCK_BYTES - offset;
            checksums.putInt(BlockMap.checksum(ByteBuffer.wrap(bytes, at, ChunkKey.BLOCK_BYTES)));
        }
        return new Mutation.Write(layers, chunk, offset, ByteBuffer.wrap(bytes), checksums.flip());
    }

    static byte[] bytes(long seed, int lengthBytes) {
        byte[] bytes = new byte[lengthBytes];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    /// Journals, waits until durable, and applies.
    void commit(Entry entry) throws IOException {
        prepare(entry);
        store().flush();
        assertTrue(durable.contains(entry.sequence()));
        group().apply(entry);
        store().failure().ifPresent(SimStore::rethrow);
    }

    void prepare(Entry entry) {
        group().append(entry.sequence(), new JournalRecord.Prepared(PG, 1, entry));
    }

    private static void rethrow(IOException e) {
        throw new UncheckedIOException(e);
    }

    ReplicaDisk.ReadOutcome read(List<VolumeId> layers, long chunk, int first, int count) {
        var request =
                new ReadBlocks(
                        PG,
                        1,
                        0,
                        layers,
                        chunk,
                        first * ChunkKey.BLOCK_BYTES,
                        count * ChunkKey.BLOCK_BYTES);
        group().read(0, request);
        return Objects.requireNonNull(lastRead);
    }

    void assertReads(GroupModel model, List<VolumeId> layers, long chunk, int first, int count) {
        switch (read(layers, chunk, first, count)) {
            case ReplicaDisk.ReadOutcome.Blocks(ByteBuffer blocks, ByteBuffer checksums) -> {
                assertEquals(model.read(layers, chunk, first, count), blocks);
                for (int i = 0; i < count; i++) {
                    ByteBuffer block = blocks.slice(i * ChunkKey.BLOCK_BYTES, ChunkKey.BLOCK_BYTES);
                    assertEquals(BlockMap.checksum(block), checksums.getInt(4 * i));
                }
            }
            case ReplicaDisk.ReadOutcome.Damaged(var block) ->
                    throw new AssertionError(block + " is damaged");
            case ReplicaDisk.ReadOutcome.Mapped _ -> throw new AssertionError("a map");
            case ReplicaDisk.ReadOutcome.Failed(String detail) -> throw new AssertionError(detail);
        }
    }

    @Override
    public void onDurable(long ticket) {
        durable.add(ticket);
    }

    @Override
    public void onRead(long ticket, ReplicaDisk.ReadOutcome outcome) {
        lastRead = outcome;
    }

    @Override
    public void onVerified(long ticket, int nextBlock, int blocks, List<DamagedBlock> damaged) {
        lastNextBlock = nextBlock;
        lastVerifiedDamaged = damaged;
    }

    @Override
    public void onChunkList(long ticket, List<ChunkStamp> stamps, boolean last) {
        lastList = stamps;
    }

    @Override
    public void onChunk(long ticket, Optional<ChunkContent> content) {
        lastChunk = content;
    }

    @Override
    public void onDamaged(long ticket, DamagedBlock block) {
        lastDamaged = Optional.of(block);
    }

    @Override
    public void onRepaired(long ticket, boolean fits) {
        lastFits = fits;
    }

    @Override
    public void onDone(long ticket) {
        done.add(ticket);
    }

    @Override
    public void onFailed(long ticket, String detail) {
        failed.add(detail);
    }
}
