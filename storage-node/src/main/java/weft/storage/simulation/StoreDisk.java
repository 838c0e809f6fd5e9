package weft.storage.simulation;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.sim.SimWorld;
import weft.storage.disk.SlowShare;
import weft.storage.journal.GroupCommit;
import weft.storage.journal.JournalRecord;
import weft.storage.replica.RecoveredState;
import weft.storage.replica.ReplicaDisk;
import weft.storage.store.Store;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.StorageMessage.MapBlocks;
import weft.wire.storage.StorageMessage.ReadBlocks;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;

/// A disk with the production store on it: journal, chunk files, allocator, checkpoints and
/// recovery, over a [FaultyDisk].
///
/// ```text
///   append ──► queued ──after a while──► one device write ──► onDurable     (as the journal thread)
///   apply, read, install ──► at once; what is read is told later
///   apply, now and then ──after a while──► checkpoint                    (as the checkpoint thread)
/// ```
///
/// There are no threads: the world's events do what they would do. So a checkpoint is one moment of
/// simulated time, in which power may fail, but nothing else happens; `StoreCrashPropertyTest` has
/// what is written in the midst of one.
final class StoreDisk implements SimDisk {
    private static final long MILLIS = SimPool.MILLIS;

    /// What a record does to what a recovery would find, once it is durable.
    private record Appended(long ticket, Runnable durable) {}

    private final SimWorld world;
    private final PlacementGroupId pg;
    private final double checkpointRate = 0.05;
    final StoreMedium medium;
    private Host host;
    private int life;
    private long slowness = 1;
    private long durableTail;
    private long durableVersion;

    /// Up to here files may hold what comes later.
    private long recoveredTail;

    private long lastApplied;
    private long lastAppended;

    // Of one life.
    private @Nullable Store store;
    private @Nullable ReplicaDisk group;
    private final ArrayDeque<Appended> appended = new ArrayDeque<>();
    private boolean isWriteDue;
    private SlowShare slow = new SlowShare(GroupCommit.SLOW_NANOS);
    private boolean isOut;
    private long delayNanos;
    private final StoreLook look = new StoreLook();

    StoreDisk(SimWorld world, StoreId id, PlacementGroupId pg, Host host) {
        this.world = world;
        this.pg = pg;
        this.host = host;
        medium = new StoreMedium(world, id);
    }

    @Override
    public Started start(Host newHost) throws IOException {
        host = newHost;
        var opened = medium.open();
        RecoveredState found = opened.recovered(pg);
        group =
                opened.attach(
                        pg,
                        Runnable::run,
                        new StoreAnswers(look, this::madeDurable, this::answered));
        store = opened;
        lastApplied = found.appliedSequence();
        durableTail = found.appliedSequence() + found.prepared().size();
        recoveredTail = durableTail;
        lastAppended = durableTail;
        durableVersion = found.version();
        return new Started(opened.member(), found);
    }

    private Store store() {
        return Objects.requireNonNull(store);
    }

    private ReplicaDisk group() {
        return Objects.requireNonNull(group);
    }

    // ---- What happens to it.

    @Override
    public void crash() {
        life++;
        medium.crash(store);
        store = null;
        group = null;
        appended.clear();
        isWriteDue = false;
        slow = new SlowShare(GroupCommit.SLOW_NANOS);
        isOut = false;
    }

    /// Whether the write that was to be spoilt is, and all that was prepared by then is applied or
    /// void: nothing but the chunks can have the damage.
    boolean isSpoiltAndApplied(long preparedTo) {
        return !medium.isToSpoil() && lastApplied >= Math.min(preparedTo, durableTail);
    }

    /// The last entry that it was given.
    long lastAppended() {
        return lastAppended;
    }

    /// Whether all that it was given is applied.
    boolean isIdle() {
        return appended.isEmpty() && lastApplied >= lastAppended;
    }

    /// Makes all durable now, as far as the disk tells the truth.
    void checkpointNow() {
        if (!isDown()) {
            checkpoint();
            lookAfterPower();
        }
    }

    /// Another medium in its place, empty.
    void replace(StoreId id) {
        medium.replace(id);
        durableTail = 0;
        durableVersion = 0;
    }

    @Override
    public int busyPercent(long nowNanos) {
        return slowness > 1 ? 100 : 0;
    }

    @Override
    public boolean isDown() {
        return store == null || medium.isOut();
    }

    /// Others fill the medium, or give it back.
    void setFull(boolean isFull) {
        try {
            if (!isFull) {
                medium.empty();
            } else if (!medium.isOut()) {
                medium.fill(store);
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        askSpace();
    }

    /// As the checkpoint thread does every now and then.
    void askSpace() {
        if (!isDown()) {
            store().askSpace();
        }
    }

    @Override
    public long freeBytes() {
        return isDown() ? 0 : store().freeBytes();
    }

    @Override
    public int slowPercent() {
        return slow.percent(world.nowNanos());
    }

    @Override
    public boolean isCrowded() {
        // Where a disk falls behind, much is prepared.
        return slowness > 1 || group().isCrowded();
    }

    @Override
    public void countHeld(long bytes) {
        group().countHeld(bytes);
    }

    @Override
    public void setSlowness(long times) {
        slowness = times;
    }

    // ---- What the checkers know.

    @Override
    public long durableTail() {
        return durableTail;
    }

    @Override
    public long durableVersion() {
        return durableVersion;
    }

    @Override
    public ByteBuffer tables() {
        return store().recovered(pg).tables().encode();
    }

    @Override
    public TreeMap<ChunkKey, SimChunks.Chunk> chunks() {
        return look.chunks(group());
    }

    /// Whether a deep scrub would find nothing.
    boolean isIntact() {
        return !isDown() && damaged().isEmpty();
    }

    /// What a deep scrub would find in all chunks.
    List<DamagedBlock> damaged() {
        return look.damaged(group());
    }

    // ---- The replica's calls.

    @Override
    public void append(long ticket, JournalRecord record) {
        if (store().isCongested()) {
            // The loop waits here for the journal's and the checkpoint's threads.
            checkpoint();
            if (store().isCongested()) {
                throw new AssertionError("a store waits for ever for room in its journal");
            }
        }
        appended.add(new Appended(ticket, whenDurable(record)));
        group().append(ticket, record);
        if (!isWriteDue) {
            isWriteDue = true;
            slow.begin(world.nowNanos());
            after(world.between(50_000, 400_000) * slowness, this::write);
        }
        lookAfterPower();
    }

    /// It keeps nothing of the record's memory.
    private Runnable whenDurable(JournalRecord record) {
        return switch (record) {
            case JournalRecord.Prepared r -> {
                long sequence = r.entry().sequence();
                lastAppended = sequence;
                yield () -> durableTail = sequence;
            }
            case JournalRecord.Truncated r -> {
                long sequence = r.afterSequence();
                yield () -> durableTail = Math.min(durableTail, sequence);
            }
            case JournalRecord.Adopted r -> {
                long sequence = r.sequence();
                yield () -> durableTail = sequence;
            }
            case JournalRecord.Dropped _ -> () -> durableTail = 0;
            case JournalRecord.Placed _ -> throw new AssertionError("a store's record");
            case JournalRecord.VersionTaken r -> {
                long version = r.version();
                yield () -> durableVersion = version;
            }
        };
    }

    private void after(long nanos, Runnable action) {
        int of = life;
        world.after(
                nanos,
                () -> {
                    if (of == life && store != null && !medium.isOut()) {
                        action.run();
                        lookAfterPower();
                    }
                });
    }

    private void write() {
        slow.end(world.nowNanos());
        isWriteDue = false;
        try {
            store().flush();
        } catch (IOException e) {
            failed(e);
        }
    }

    private void checkpoint() {
        delayNanos = 0;
        try {
            store().checkpoint();
        } catch (IOException e) {
            failed(e);
        }
    }

    /// The store has said so, unless it was the machine that failed.
    private void failed(IOException e) {
        if (!medium.isOut() && store().failure().isEmpty()) {
            throw new AssertionError("a store that did not fail throws", e);
        }
    }

    @Override
    public void apply(Entry entry) {
        boolean isReplay = entry.sequence() <= recoveredTail;
        changeChunk(entry, isReplay, () -> group().apply(entry));
        lastApplied = entry.sequence();
    }

    @Override
    public void leaveOut(Entry entry) {
        group().leaveOut(entry);
        lastApplied = entry.sequence();
        checkpointSometimes();
    }

    @Override
    public void applyLate(Entry entry) {
        changeChunk(entry, false, () -> group().applyLate(entry));
    }

    /// @param isReplay blocks may hold what comes later
    private void changeChunk(Entry entry, boolean isReplay, Runnable change) {
        Optional<ChunkStamp> before = isReplay ? Optional.empty() : look.stampOf(group(), entry);
        change.run();
        host.applied(entry.onHeap(), isReplay ? Map.of() : look.madeOf(group(), entry, before));
        checkpointSometimes();
    }

    private void checkpointSometimes() {
        if (world.chance(checkpointRate)) {
            after(world.between(200_000, 3 * MILLIS) * slowness, this::checkpoint);
        }
        lookAfterPower();
    }

    @Override
    public void read(long ticket, ReadBlocks request) {
        delayNanos = world.between(50_000, 500_000) * slowness;
        group().read(ticket, request);
    }

    @Override
    public void map(long ticket, MapBlocks request) {
        throw new UnsupportedOperationException("simulated clients do not ask for maps");
    }

    @Override
    public void readBlock(long ticket, DamagedBlock block) {
        delayNanos = world.between(100_000, 2 * MILLIS) * slowness;
        group().readBlock(ticket, block);
    }

    @Override
    public void verify(long ticket, ChunkKey key, int fromBlock, ByteBuffer scratch) {
        throw new UnsupportedOperationException("simulated scrubbers ask the store itself");
    }

    @Override
    public void repairBlock(long ticket, DamagedBlock block, ChunkContent copy) {
        delayNanos = 0;
        group().repairBlock(ticket, block, copy);
        lookAfterPower();
    }

    @Override
    public void listChunks(long ticket, Optional<ChunkKey> after) {
        delayNanos = world.between(20_000, 300_000);
        group().listChunks(ticket, after);
    }

    @Override
    public void digestMaps(long ticket, Optional<ChunkKey> after) {
        delayNanos = world.between(20_000, 300_000);
        group().digestMaps(ticket, after);
    }

    @Override
    public void readChunk(long ticket, ChunkKey key) {
        // A full chunk takes that long at the pace of a catch-up.
        long longest = world.chance(0.3) ? 170 * MILLIS : 2 * MILLIS;
        delayNanos = world.between(100_000, longest) * slowness;
        group().readChunk(ticket, key);
    }

    private void settling() {
        delayNanos = world.between(200_000, 3 * MILLIS) * slowness;
    }

    @Override
    public void installChunk(long ticket, ChunkContent content) {
        settling();
        group().installChunk(ticket, content);
        lookAfterPower();
    }

    @Override
    public void deleteChunk(long ticket, ChunkKey key) {
        settling();
        group().deleteChunk(ticket, key);
        lookAfterPower();
    }

    @Override
    public void settle(long ticket) {
        settling();
        group().settle(ticket);
        lookAfterPower();
    }

    @Override
    public void dropAll(long ticket) {
        settling();
        group().dropAll(ticket);
        lookAfterPower();
    }

    /// Once power has failed nothing is told any more, and the node goes down.
    private boolean lookAfterPower() {
        if (medium.isOut() && !isOut && store != null) {
            isOut = true;
            host.powerFailed();
        }
        return !medium.isOut();
    }

    private void tell(long nanos, Consumer<Events> event) {
        if (lookAfterPower()) {
            host.later(nanos, event);
        }
    }

    /// What the store says comes at once; the replica hears of it later.
    private void answered(boolean isPrompt, Consumer<Events> event) {
        tell(isPrompt ? 0 : delayNanos, event);
    }

    private void madeDurable(long ticket) {
        while (!appended.isEmpty() && appended.element().ticket() <= ticket) {
            appended.remove().durable().run();
        }
    }
}
