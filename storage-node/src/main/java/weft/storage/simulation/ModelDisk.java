package weft.storage.simulation;

import weft.fabric.ChunkKey;
import weft.fabric.Member;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.sim.SimWorld;
import weft.storage.disk.SlowShare;
import weft.storage.journal.GroupCommit;
import weft.storage.journal.JournalRecord;
import weft.storage.replica.RecoveredState;
import weft.storage.replica.ReplicatedTables;
import weft.wire.MalformedMessage;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.MapPage;
import weft.wire.storage.StorageMessage.MapBlocks;
import weft.wire.storage.StorageMessage.ReadBlocks;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// A disk by its promises: what is durable survives [#crash], the rest does not.
///
/// The journal is modelled as a list of records, the chunks as [SimChunks]: the store's own files
/// are not here.
final class ModelDisk implements SimDisk {
    /// What a checkpoint saves.
    ///
    /// @param number of several under way the later one counts
    private record Checkpoint(
            long number,
            int journalLength,
            long applied,
            ByteBuffer tables,
            TreeMap<ChunkKey, SimChunks.Chunk> chunks) {}

    /// Chunks on a page: so few that paging is exercised.
    private static final int PAGE = 2;

    private final SimWorld world;
    private final PlacementGroupId pg;

    private final StoreId store;

    // Durable.
    private long lives;
    private final List<JournalRecord> journal = new ArrayList<>();
    private Checkpoint checkpoint;
    private long durableTail;
    private long durableVersion;

    // Volatile.
    private Host host;
    private List<JournalRecord> inFlight = new ArrayList<>();
    private final SimChunks chunks = new SimChunks();
    private TreeMap<Long, Entry> open = new TreeMap<>();
    private ReplicatedTables tables = new ReplicatedTables();
    private long applied;
    private long lastCheckpoint;
    private int life;
    private long journalBusyUntil;
    private SlowShare slow = new SlowShare(GroupCommit.SLOW_NANOS);
    private long slowness = 1;
    private boolean isDown = true;

    /// How often an entry is followed by a checkpoint.
    double checkpointRate = 0.05;

    /// Whatever is asked of its maps.
    boolean tellsTheFirstPageOnly;

    ModelDisk(SimWorld world, StoreId store, PlacementGroupId pg, Host host) {
        this.world = world;
        this.store = store;
        this.pg = pg;
        this.host = host;
        checkpoint = new Checkpoint(0, 0, 0, new ReplicatedTables().encode(), new TreeMap<>());
    }

    @Override
    public void setSlowness(long times) {
        slowness = times;
    }

    @Override
    public int slowPercent() {
        return slow.percent(world.nowNanos());
    }

    @Override
    public boolean isCrowded() {
        // Where a disk falls behind, much is prepared.
        return slowness > 1;
    }

    @Override
    public void countHeld(long bytes) {}

    @Override
    public int busyPercent(long nowNanos) {
        return slowness > 1 ? 100 : 0;
    }

    @Override
    public boolean isDown() {
        return isDown;
    }

    @Override
    public long freeBytes() {
        return Long.MAX_VALUE;
    }

    @Override
    public long durableTail() {
        return durableTail;
    }

    @Override
    public TreeMap<ChunkKey, SimChunks.Chunk> chunks() {
        return chunks.all();
    }

    /// A block rots, if it is stored.
    void damage(DamagedBlock block) {
        chunks.damage(block);
    }

    /// The map says something else of a block than the log did.
    void tamper(DamagedBlock block) {
        chunks.tamper(block);
    }

    boolean isDamaged(DamagedBlock block) {
        return chunks.isDamaged(block);
    }

    /// Power fails: of the records on their way some prefix reaches the medium.
    @Override
    public void crash() {
        int lucky = (int) world.between(0, inFlight.size());
        for (JournalRecord record : inFlight.subList(0, lucky)) {
            makeDurable(record);
        }
        inFlight = new ArrayList<>();
        life++;
        isDown = true;
        slow = new SlowShare(GroupCommit.SLOW_NANOS);
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

    @Override
    public long durableVersion() {
        return durableVersion;
    }

    @Override
    public Started start(Host newHost) {
        host = newHost;
        lives++;
        isDown = false;
        return new Started(new Member(store, lives), recover());
    }

    /// What the production store's recovery would find.
    private RecoveredState recover() {
        tables = decode(checkpoint.tables());
        applied = checkpoint.applied();
        chunks.restore(checkpoint.chunks());
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
                        chunks.restore(new TreeMap<>());
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
    public void append(long ticket, JournalRecord given) {
        JournalRecord record = onHeap(given);
        takeInMemory(record);
        inFlight.add(record);
        long delay = world.between(50_000, 400_000) * slowness;
        journalBusyUntil = Math.max(journalBusyUntil, world.nowNanos() + delay);
        int of = life;
        if (inFlight.size() == 1) {
            slow.begin(world.nowNanos());
        }
        world.after(
                journalBusyUntil - world.nowNanos(),
                () -> {
                    if (of == life) {
                        slow.end(world.nowNanos());
                        if (inFlight.size() > 1) {
                            slow.begin(world.nowNanos());
                        }
                        makeDurable(inFlight.removeFirst());
                        host.later(0, events -> events.onDurable(ticket));
                    }
                });
    }

    /// What is kept does not depend on the memory of the message that it came in.
    private static JournalRecord onHeap(JournalRecord record) {
        return record instanceof JournalRecord.Prepared r
                ? new JournalRecord.Prepared(r.pg(), r.version(), r.entry().onHeap())
                : record;
    }

    private void takeInMemory(JournalRecord record) {
        switch (record) {
            case JournalRecord.Prepared r -> open.put(r.entry().sequence(), r.entry());
            case JournalRecord.Truncated r -> open.tailMap(r.afterSequence(), false).clear();
            case JournalRecord.VersionTaken _ -> {}
            case JournalRecord.Adopted r -> {
                open.clear();
                applied = r.sequence();
                tables = decode(r.tables());
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
    public void apply(Entry given) {
        Entry entry = given.onHeap();
        Entry journaled = open.getOrDefault(entry.sequence(), entry);
        if (!journaled.equals(entry)) {
            throw new AssertionError(
                    "%s is applied, but %s is in the journal".formatted(entry, journaled));
        }
        if (entry.sequence() > applied) {
            host.applied(entry, chunks.apply(entry));
            take(entry);
        } else {
            host.applied(entry, Map.of());
        }
        maybeCheckpoint();
    }

    @Override
    public void leaveOut(Entry entry) {
        if (entry.sequence() > applied) {
            take(entry.onHeap());
        }
        maybeCheckpoint();
    }

    @Override
    public void applyLate(Entry given) {
        Entry entry = given.onHeap();
        host.applied(entry, chunks.apply(entry));
        maybeCheckpoint();
    }

    private void take(Entry entry) {
        if (entry.sequence() != applied + 1) {
            throw new AssertionError("applied " + applied + ", then " + entry.sequence());
        }
        tables.apply(entry);
        applied = entry.sequence();
        open.headMap(applied, true).clear();
    }

    private void maybeCheckpoint() {
        if (world.chance(checkpointRate)) {
            beginCheckpoint(List.of());
        }
    }

    /// What is saved is what holds now; it is durable some time later.
    private void beginCheckpoint(List<Long> tickets) {
        var taken =
                new Checkpoint(
                        ++lastCheckpoint,
                        journal.size() + inFlight.size(),
                        applied,
                        tables.encode(),
                        new TreeMap<>(chunks.all()));
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
                    if (taken.number() > checkpoint.number()) {
                        checkpoint = taken;
                    }
                    tickets.forEach(t -> host.later(0, events -> events.onDone(t)));
                });
    }

    @Override
    public void read(long ticket, ReadBlocks request) {
        ReadOutcome outcome = chunks.read(request);
        host.later(
                world.between(50_000, 500_000) * slowness,
                events -> events.onRead(ticket, outcome));
    }

    @Override
    public void map(long ticket, MapBlocks request) {
        throw new UnsupportedOperationException("simulated clients do not ask for maps");
    }

    @Override
    public void readBlock(long ticket, DamagedBlock block) {
        boolean bad = chunks.isDamaged(block);
        Optional<ChunkContent> content = chunks.contentOf(block);
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

    @Override
    public void repairBlock(long ticket, DamagedBlock block, ChunkContent copy) {
        boolean fits = chunks.repair(block, copy);
        host.later(0, events -> events.onRepaired(ticket, fits));
    }

    @Override
    public void listChunks(long ticket, Optional<ChunkKey> after) {
        TreeMap<ChunkKey, SimChunks.Chunk> all = chunks.all();
        List<ChunkStamp> page = new ArrayList<>();
        for (SimChunks.Chunk chunk :
                (after.isPresent() ? all.tailMap(after.get(), false) : all).values()) {
            if (page.size() == PAGE) {
                break;
            }
            page.add(chunk.stamp());
        }
        boolean last = page.isEmpty() || all.tailMap(page.getLast().key(), false).isEmpty();
        host.later(
                world.between(20_000, 300_000), events -> events.onChunkList(ticket, page, last));
    }

    @Override
    public void digestMaps(long ticket, Optional<ChunkKey> after) {
        MapPage page = chunks.digests(tellsTheFirstPageOnly ? Optional.empty() : after, PAGE);
        host.later(world.between(20_000, 300_000), events -> events.onMaps(ticket, page));
    }

    @Override
    public void readChunk(long ticket, ChunkKey key) {
        Optional<DamagedBlock> bad = chunks.damagedOf(key);
        if (bad.isPresent()) {
            host.later(
                    world.between(100_000, 2_000_000) * slowness,
                    events -> events.onDamaged(ticket, bad.get()));
            return;
        }
        Optional<ChunkContent> content = chunks.contentOf(key);
        // A full chunk takes that long at the pace of a catch-up.
        long longest = world.chance(0.3) ? 170_000_000 : 2_000_000;
        host.later(
                world.between(100_000, longest) * slowness,
                events -> events.onChunk(ticket, content));
    }

    @Override
    public void installChunk(long ticket, ChunkContent content) {
        chunks.install(content);
        beginCheckpoint(List.of(ticket));
    }

    @Override
    public void deleteChunk(long ticket, ChunkKey key) {
        chunks.delete(key);
        beginCheckpoint(List.of(ticket));
    }

    @Override
    public void settle(long ticket) {
        beginCheckpoint(List.of(ticket));
    }

    @Override
    public void dropAll(long ticket) {
        chunks.clear();
        beginCheckpoint(List.of(ticket));
    }

    @Override
    public ByteBuffer tables() {
        return tables.encode();
    }
}
