package weft.storage.simulation;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.fabric.VolumeId;
import weft.sim.SimWorld;
import weft.storage.journal.JournalRecord;
import weft.storage.replica.RecoveredState;
import weft.storage.replica.ReplicaDisk;
import weft.storage.replica.ReplicatedTables;
import weft.wire.MalformedMessage;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;
import weft.wire.storage.StorageMessage.MapBlocks;
import weft.wire.storage.StorageMessage.ReadBlocks;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;

/// One group on one simulated disk: what is durable survives [#crash], the rest does not.
///
/// Model: a block holds one number. A write's payload is the number (8 bytes at the block's start);
/// a read answers 8 bytes per block.
final class SimDisk implements ReplicaDisk {
    /// A chunk's stamp and its mapped blocks.
    record Chunk(ChunkStamp stamp, Map<Integer, Long> blocks) {}

    /// What a checkpoint saves.
    private record Checkpoint(
            int journalLength, long applied, ByteBuffer tables, TreeMap<ChunkKey, Chunk> chunks) {}

    /// Who hears of completions; set for each life.
    interface Host {
        /// Runs the event on the replica, if this life still lasts.
        void later(long delayNanos, Consumer<Events> event);

        /// The replica applied an entry.
        void applied(Entry entry);
    }

    private final SimWorld world;
    private final PlacementGroupId pg;

    // Durable.
    private final List<JournalRecord> journal = new ArrayList<>();
    private Checkpoint checkpoint;
    private long durableTail;
    private long durableVersion;

    // Volatile.
    private Host host;
    private List<JournalRecord> inFlight = new ArrayList<>();
    private TreeMap<ChunkKey, Chunk> chunks = new TreeMap<>();
    private TreeMap<Long, Entry> open = new TreeMap<>();
    private ReplicatedTables tables = new ReplicatedTables();
    private long applied;
    private boolean catchingUp;
    private long catchUpTail;
    private int life;
    private long journalBusyUntil;

    /// Blocks whose bytes rot on the medium; a write makes them good.
    private final Set<DamagedBlock> damaged = new HashSet<>();

    /// How much slower than usual it is.
    long slowness = 1;

    SimDisk(SimWorld world, PlacementGroupId pg, Host host) {
        this.world = world;
        this.pg = pg;
        this.host = host;
        checkpoint = new Checkpoint(0, 0, new ReplicatedTables().encode(), new TreeMap<>());
    }

    /// The last sequence that would be found after a crash now.
    long durableTail() {
        return durableTail;
    }

    TreeMap<ChunkKey, Chunk> chunks() {
        return chunks;
    }

    /// A block rots.
    void damage(DamagedBlock block) {
        damaged.add(block);
    }

    boolean isDamaged(DamagedBlock block) {
        return damaged.contains(block);
    }

    /// Power fails: of the records on their way some prefix reaches the medium.
    void crash() {
        int lucky = (int) world.between(0, inFlight.size());
        for (JournalRecord record : inFlight.subList(0, lucky)) {
            makeDurable(record);
        }
        inFlight = new ArrayList<>();
        life++;
    }

    private void makeDurable(JournalRecord record) {
        journal.add(record);
        switch (record) {
            case JournalRecord.Prepared r -> durableTail = r.entry().sequence();
            case JournalRecord.Truncated r ->
                    durableTail = Math.min(durableTail, r.afterSequence());
            case JournalRecord.Adopted r -> durableTail = r.sequence();
            case JournalRecord.Dropped _ -> durableTail = 0;
            case JournalRecord.Placed _ -> throw new AssertionError("a store's record");
            case JournalRecord.VersionTaken r -> durableVersion = r.version();
        }
    }

    /// The last version in the journal.
    long durableVersion() {
        return durableVersion;
    }

    /// Starts again: what the production store's recovery would find.
    RecoveredState recover(Host newHost) {
        host = newHost;
        tables = decode(checkpoint.tables());
        applied = checkpoint.applied();
        chunks = new TreeMap<>(checkpoint.chunks());
        catchingUp = false;
        journalBusyUntil = world.nowNanos();
        long version = 0;
        boolean inSync = false;
        TreeMap<Long, Entry> prepared = new TreeMap<>();
        for (int i = 0; i < journal.size(); i++) {
            switch (journal.get(i)) {
                case JournalRecord.Prepared r -> prepared.put(r.entry().sequence(), r.entry());
                case JournalRecord.Truncated r ->
                        prepared.tailMap(r.afterSequence(), false).clear();
                case JournalRecord.VersionTaken r -> {
                    version = r.version();
                    inSync = r.inSync();
                }
                case JournalRecord.Adopted r -> {
                    prepared.clear();
                    if (i >= checkpoint.journalLength()) {
                        applied = r.sequence();
                        tables = decode(r.tables());
                    }
                }
                case JournalRecord.Placed _ -> throw new AssertionError("a store's record");
                case JournalRecord.Dropped _ -> {
                    prepared.clear();
                    inSync = false;
                    if (i >= checkpoint.journalLength()) {
                        applied = 0;
                        tables = new ReplicatedTables();
                        chunks = new TreeMap<>();
                    }
                }
            }
        }
        prepared.headMap(applied, true).clear();
        List<Entry> found = new ArrayList<>();
        long next = applied + 1;
        while (prepared.containsKey(next)) {
            found.add(prepared.get(next));
            next++;
        }
        open = new TreeMap<>(prepared.headMap(next, false));
        durableTail = next - 1;
        return new RecoveredState(pg, version, inSync, applied, found, tables.copy());
    }

    private static ReplicatedTables decode(ByteBuffer bytes) {
        try {
            return ReplicatedTables.decode(bytes);
        } catch (MalformedMessage e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public void append(long ticket, JournalRecord record) {
        takeInMemory(record);
        inFlight.add(record);
        long delay = world.between(50_000, 400_000) * slowness;
        journalBusyUntil = Math.max(journalBusyUntil, world.nowNanos() + delay);
        int of = life;
        world.after(
                journalBusyUntil - world.nowNanos(),
                () -> {
                    if (of == life) {
                        makeDurable(inFlight.removeFirst());
                        host.later(0, events -> events.onDurable(ticket));
                    }
                });
    }

    private void takeInMemory(JournalRecord record) {
        switch (record) {
            case JournalRecord.Prepared r -> open.put(r.entry().sequence(), r.entry());
            case JournalRecord.Truncated r -> open.tailMap(r.afterSequence(), false).clear();
            case JournalRecord.VersionTaken r -> {
                if (r.inSync() && catchingUp) {
                    catchingUp = false;
                    open.headMap(catchUpTail, true).values().forEach(tables::apply);
                    open.headMap(catchUpTail, true).clear();
                    applied = catchUpTail;
                }
            }
            case JournalRecord.Adopted r -> {
                open.clear();
                applied = r.sequence();
                tables = decode(r.tables());
                catchingUp = true;
                catchUpTail = applied;
            }
            case JournalRecord.Placed _ -> throw new AssertionError("a store's record");
            case JournalRecord.Dropped _ -> {
                open.clear();
                applied = 0;
                tables = new ReplicatedTables();
            }
        }
    }

    @Override
    public void apply(Entry entry) {
        if (catchingUp) {
            applyToChunks(entry);
            catchUpTail = Math.max(catchUpTail, entry.sequence());
        } else if (entry.sequence() > applied) {
            if (entry.sequence() != applied + 1) {
                throw new AssertionError("applied " + applied + ", then " + entry.sequence());
            }
            applyToChunks(entry);
            tables.apply(entry);
            applied = entry.sequence();
            open.headMap(applied, true).clear();
        }
        host.applied(entry);
        if (world.chance(0.05)) {
            beginCheckpoint(List.of());
        }
    }

    private void applyToChunks(Entry entry) {
        switch (entry.mutation()) {
            case Mutation.RaiseToken _, Mutation.ForgetVolume _ -> {}
            case Mutation.DropLayer drop ->
                    chunks.keySet().removeIf(key -> key.layer().equals(drop.layer()));
            case Mutation.CopyDown _, Mutation.Fill _ ->
                    throw new AssertionError("simulated clients do not merge layers");
            case Mutation.OfChunk change -> {
                Chunk old = chunks.get(change.chunk());
                if (old == null || old.stamp().sequence() < entry.sequence()) {
                    Map<Integer, Long> blocks =
                            old == null ? new HashMap<>() : new HashMap<>(old.blocks());
                    int block = change.offsetInChunk() / ChunkKey.BLOCK_BYTES;
                    damaged.remove(new DamagedBlock(change.chunk(), block));
                    blocks.put(
                            block,
                            change instanceof Mutation.Write w
                                    ? w.payload().getLong(w.payload().position())
                                    : 0L);
                    var stamp = new ChunkStamp(change.chunk(), entry.version(), entry.sequence());
                    chunks.put(change.chunk(), new Chunk(stamp, blocks));
                }
            }
        }
    }

    /// What is saved is what holds now; it is durable some time later.
    private void beginCheckpoint(List<Long> tickets) {
        var taken =
                new Checkpoint(
                        journal.size() + inFlight.size(),
                        applied,
                        tables.encode(),
                        new TreeMap<>(chunks));
        int of = life;
        world.after(
                world.between(200_000, 3_000_000) * slowness,
                () -> {
                    if (of != life) {
                        return;
                    }
                    if (journal.size() < taken.journalLength()) {
                        beginCheckpoint(tickets);
                        return;
                    }
                    if (taken.journalLength() >= checkpoint.journalLength()) {
                        checkpoint = taken;
                    }
                    tickets.forEach(t -> host.later(0, events -> events.onDone(t)));
                });
    }

    @Override
    public void read(long ticket, ReadBlocks request) {
        int count = request.lengthBytes() / ChunkKey.BLOCK_BYTES;
        Optional<DamagedBlock> bad = damagedIn(request);
        if (bad.isPresent()) {
            host.later(
                    world.between(50_000, 500_000) * slowness,
                    events -> events.onRead(ticket, new ReadOutcome.Damaged(bad.get())));
            return;
        }
        ByteBuffer answer = ByteBuffer.allocate(8 * count);
        for (int i = 0; i < count; i++) {
            int block = request.offsetInChunk() / ChunkKey.BLOCK_BYTES + i;
            answer.putLong(valueOf(request.layers(), request.chunkIndex(), block));
        }
        answer.flip();
        host.later(
                world.between(50_000, 500_000) * slowness,
                events ->
                        events.onRead(
                                ticket, new ReadOutcome.Blocks(answer, ByteBuffer.allocate(0))));
    }

    @Override
    public void map(long ticket, MapBlocks request) {
        throw new UnsupportedOperationException("simulated clients do not ask for maps");
    }

    private Optional<DamagedBlock> damagedIn(ReadBlocks request) {
        int first = request.offsetInChunk() / ChunkKey.BLOCK_BYTES;
        int end = first + request.lengthBytes() / ChunkKey.BLOCK_BYTES;
        return damaged.stream()
                .filter(block -> block.key().chunkIndex() == request.chunkIndex())
                .filter(block -> block.blockIndex() >= first && block.blockIndex() < end)
                .findFirst();
    }

    @Override
    public void readBlock(long ticket, DamagedBlock block) {
        Chunk chunk = chunks.get(block.key());
        boolean bad = damaged.contains(block);
        Optional<ChunkContent> content =
                Optional.ofNullable(chunk).map(c -> contentOf(c, block.blockIndex()));
        host.later(
                world.between(100_000, 2_000_000) * slowness,
                events -> {
                    if (bad) {
                        events.onDamaged(ticket, block);
                    } else {
                        events.onChunk(ticket, content);
                    }
                });
    }

    @Override
    public void verify(long ticket, ChunkKey key, int fromBlock, ByteBuffer scratch) {
        throw new UnsupportedOperationException("simulated nodes are told what is damaged");
    }

    private static ChunkContent contentOf(Chunk chunk, int block) {
        List<ChunkContent.Run> runs =
                contentOf(chunk).runs().stream().filter(r -> r.firstBlock() == block).toList();
        return new ChunkContent(chunk.stamp(), runs);
    }

    @Override
    public void repairBlock(long ticket, DamagedBlock block, ChunkContent copy) {
        Chunk own = chunks.get(block.key());
        boolean fits = false;
        if (own != null && own.stamp().equals(copy.stamp())) {
            fits = true;
            Map<Integer, Long> blocks = new HashMap<>(own.blocks());
            blocks.put(block.blockIndex(), copy.runs().getFirst().payload().getLong(0));
            chunks.put(block.key(), new Chunk(own.stamp(), blocks));
            damaged.remove(block);
        }
        boolean told = fits;
        host.later(0, events -> events.onRepaired(ticket, told));
    }

    private long valueOf(List<VolumeId> layers, long chunkIndex, int block) {
        for (VolumeId layer : layers) {
            Chunk chunk = chunks.get(new ChunkKey(layer, chunkIndex));
            if (chunk != null && chunk.blocks().containsKey(block)) {
                return chunk.blocks().get(block);
            }
        }
        return 0;
    }

    @Override
    public void listChunks(long ticket, Optional<ChunkKey> after) {
        // Pages of two, so that paging is exercised.
        List<ChunkStamp> page = new ArrayList<>();
        for (Chunk chunk :
                (after.isPresent() ? chunks.tailMap(after.get(), false) : chunks).values()) {
            if (page.size() == 2) {
                break;
            }
            page.add(chunk.stamp());
        }
        boolean last = page.isEmpty() || chunks.tailMap(page.getLast().key(), false).isEmpty();
        host.later(
                world.between(20_000, 300_000), events -> events.onChunkList(ticket, page, last));
    }

    @Override
    public void readChunk(long ticket, ChunkKey key) {
        Chunk chunk = chunks.get(key);
        Optional<DamagedBlock> bad =
                damaged.stream().filter(block -> block.key().equals(key)).findFirst();
        if (bad.isPresent()) {
            host.later(
                    world.between(100_000, 2_000_000) * slowness,
                    events -> events.onDamaged(ticket, bad.get()));
            return;
        }
        Optional<ChunkContent> content =
                chunk == null ? Optional.empty() : Optional.of(contentOf(chunk));
        host.later(
                world.between(100_000, 2_000_000) * slowness,
                events -> events.onChunk(ticket, content));
    }

    private static ChunkContent contentOf(Chunk chunk) {
        List<ChunkContent.Run> runs = new ArrayList<>();
        new TreeMap<>(chunk.blocks())
                .forEach((block, value) ->
                        runs.add(
                                new ChunkContent.Run(
                                        block,
                                        1,
                                        ByteBuffer.allocate(ChunkKey.BLOCK_BYTES).putLong(0, value),
                                        ByteBuffer.allocate(4))));
        return new ChunkContent(chunk.stamp(), runs);
    }

    @Override
    public void installChunk(long ticket, ChunkContent content) {
        Chunk old = chunks.get(content.stamp().key());
        if (old == null || old.stamp().sequence() <= content.stamp().sequence()) {
            Map<Integer, Long> blocks = new HashMap<>();
            content.runs().forEach(r -> blocks.put(r.firstBlock(), r.payload().getLong(0)));
            chunks.put(content.stamp().key(), new Chunk(content.stamp(), blocks));
            damaged.removeIf(block -> block.key().equals(content.stamp().key()));
        }
        beginCheckpoint(List.of(ticket));
    }

    @Override
    public void deleteChunk(long ticket, ChunkKey key) {
        chunks.remove(key);
        beginCheckpoint(List.of(ticket));
    }

    @Override
    public void dropAll(long ticket) {
        chunks.clear();
        beginCheckpoint(List.of(ticket));
    }

    /// The replicated tables as the store has them.
    ByteBuffer tables() {
        return tables.encode();
    }
}
