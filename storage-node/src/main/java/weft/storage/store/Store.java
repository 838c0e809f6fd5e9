package weft.storage.store;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.Member;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.fabric.VolumeId;
import weft.runtime.BootClock;
import weft.runtime.Clock;
import weft.runtime.Loop;
import weft.storage.chunk.ChunkLimits;
import weft.storage.chunk.ChunkStore;
import weft.storage.disk.Disk;
import weft.storage.disk.StoreIdentity;
import weft.storage.journal.GroupCommit;
import weft.storage.metadata.MetadataStore;
import weft.storage.replica.RecoveredState;
import weft.storage.replica.ReplicaDisk;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/// One disk of a storage node: the journal, chunks and maps of its placement groups.
///
/// ```text
///   open ──► recovered states are there ──start──► serving ──► failed (a device error: nothing is
///                                                     │         acknowledged any more) ──► closed
///                                                     └──────────────────────────────────► closed
/// ```
///
/// Thread-safe. [StoreFolder#open] opens a real folder; tests and the simulation open one over a
/// disk in memory and do not start it.
public final class Store implements Closeable {
    static final String CHUNKS_FOLDER = "chunks";

    private static final Logger log = LoggerFactory.getLogger(Store.class);
    private static final Duration CHECKPOINT_TICK = Duration.ofMillis(500);
    private static final Duration WRITE_BACK_STEP = Duration.ofMillis(10);

    /// The part of all maps in memory that a checkpoint saves at a time: 8 MiB by default.
    private static final int CHECKPOINT_PORTIONS = 8;

    /// One part in so many of what is free may be kept for large writes to come.
    private static final int SPARE_SHARE = 8;

    private final Disk disk;
    private final StoreIdentity identity;
    private final StoreLife life;
    private final long incarnation;
    private final MetadataStore metadata;
    private final StoreSettings settings;
    private final ChunkLimits limits;
    private final SpaceBudget space;
    private final GroupCommit journal;
    private final StoreShared shared;
    private final Checkpoint checkpoint;
    private final Map<PlacementGroupId, GroupStore> groups = new ConcurrentHashMap<>();

    // Guarded by itself: filled by replicas' loops, emptied by the checkpoint loop.
    private final Set<GroupStore> settling = new LinkedHashSet<>();

    // Checkpoint loop only.
    private long ticksSinceCheckpoint;
    private @Nullable WriteBack writeBack;

    private final AtomicReference<@Nullable IOException> failure = new AtomicReference<>();
    private final SlowReads reads;
    private final OpenBytes servingBytes = new OpenBytes();
    private final OpenBytes catchingUpBytes = new OpenBytes();

    /// Null until it is started.
    private volatile @Nullable Loop checkpointLoop;

    private final StoreEvents groupEvents =
            new StoreEvents() {
                @Override
                public void settleSoon(GroupStore group) {
                    boolean first;
                    synchronized (settling) {
                        first = settling.isEmpty();
                        settling.add(group);
                    }
                    Loop thread = checkpointLoop;
                    if (first && thread != null) {
                        thread.execute(Store.this::settle);
                    } else if (first) {
                        settle();
                    }
                }

                @Override
                public void failed(IOException e) {
                    fail(e);
                }
            };

    /// Opens the store in this disk, or makes one if there is none. [#start()] makes it serve.
    ///
    /// @param cluster the cluster this node belongs to
    /// @throws IOException if the store belongs to another cluster, is damaged, or the disk fails
    public Store(Disk disk, MetadataStore metadata, UUID cluster, StoreSettings settings)
            throws IOException {
        this(disk, metadata, cluster, settings, BootClock.SYSTEM);
    }

    /// @param clock for how long reads take
    Store(Disk disk, MetadataStore metadata, UUID cluster, StoreSettings settings, Clock clock)
            throws IOException {
        this.disk = disk;
        this.metadata = metadata;
        this.settings = settings;
        reads = new SlowReads(clock);
        life = StoreLife.read(disk, metadata, cluster);
        identity = life.identity();
        limits = new ChunkLimits(settings.mapBytesMax(), settings.filesMax());
        limits.setMayHaveLeftSpace(!life.lastLeftNoSpace());
        // Made durable with the journal's folder, before anything is written to either.
        disk.createFolder(CHUNKS_FOLDER);
        var recovery = new StoreRecovery(disk, life, metadata, limits);
        recovery.readMetadata();
        space = new SpaceBudget(disk, settings);
        journal =
                GroupCommit.open(
                        disk,
                        identity,
                        settings.journal(),
                        recovery.journalStart(),
                        recovery::record,
                        this::fail);
        incarnation = life.begin(journal);
        shared =
                new StoreShared(
                        journal,
                        space,
                        reads,
                        servingBytes,
                        catchingUpBytes,
                        settings,
                        groupEvents);
        checkpoint =
                new Checkpoint(disk, life, journal, settings.mapBytesMax() / CHECKPOINT_PORTIONS);
        for (var found : recovery.finish().entrySet()) {
            recoverGroup(found.getKey(), found.getValue());
        }
        space.ask(journal.allBytes());
        limits.keepSpare(space.freeBytes() / SPARE_SHARE);
    }

    private void recoverGroup(PlacementGroupId pg, StoreRecovery.FoundGroup found)
            throws IOException {
        var group = new GroupStore(pg, found.saved(), found.chunks(), shared);
        group.recover(found.recovery());
        groups.put(pg, group);
    }

    /// Starts the journal's and the checkpoint's threads. A store that is not started is driven by
    /// its caller: [#flush()] writes the journal, [#checkpoint()] saves, [#askSpace()] learns how
    /// full the disk is, installs are saved at once.
    public void start() {
        var thread = new Loop("checkpoint-" + id());
        checkpointLoop = thread;
        journal.start();
        thread.every(CHECKPOINT_TICK, this::tick);
    }

    /// The store, for ever.
    public StoreId id() {
        return new StoreId(identity.store());
    }

    /// The store in its present life.
    public Member member() {
        return new Member(id(), incarnation);
    }

    /// The groups that have something here.
    public List<PlacementGroupId> groups() {
        return groups.keySet().stream().sorted().toList();
    }

    /// What is here of a group; a new group if there is nothing. Meant for the start, before
    /// [#attach].
    public RecoveredState recovered(PlacementGroupId pg) {
        GroupStore group = groups.get(pg);
        return group == null ? RecoveredState.empty(pg) : group.state();
    }

    /// The group's disk, for its replica.
    ///
    /// @param loop the replica's; every event runs on it, and every call of the answered disk must
    ///   come from it
    public ReplicaDisk attach(PlacementGroupId pg, Executor loop, ReplicaDisk.Events events) {
        GroupStore group = groups.computeIfAbsent(pg, this::newGroup);
        group.attach(loop, events);
        failure().ifPresent(why -> group.tellFailed(toldOf(why)));
        return group;
    }

    private GroupStore newGroup(PlacementGroupId pg) {
        try {
            var chunks = new ChunkStore(pg, disk, identity, metadata, limits);
            return new GroupStore(pg, GroupState.empty(), chunks, shared);
        } catch (IOException e) {
            throw new IllegalStateException("an empty state cannot be read back", e);
        }
    }

    /// What new writes may still take, in bytes; at 0 they must be refused. Committed entries and
    /// deletes are always applied: the reserve is theirs.
    public long freeBytes() {
        Loop thread = checkpointLoop;
        if (thread != null && space.isStale()) {
            thread.execute(this::askSpace);
        }
        return space.freeBytes();
    }

    /// What chunks and journal take, in bytes.
    public long usedBytes() {
        return space.usedBytes();
    }

    /// What chunks take, in bytes.
    public long chunkBytes() {
        return space.chunkBytes();
    }

    /// Of these what is kept for large writes to come, and given back when space runs short.
    public long spareBytes() {
        return limits.spareBytes();
    }

    /// Adds what each layer stores here of that group, in bytes.
    public void addStoredBytes(PlacementGroupId pg, Map<VolumeId, Long> byLayer) {
        GroupStore group = groups.get(pg);
        if (group != null) {
            group.addStoredBytes(byLayer);
        }
    }

    /// A time that was kept under a key, in milliseconds; 0 if none was.
    public long keptMillis(byte[] key) throws IOException {
        byte[] saved = metadata.get(key);
        return saved == null ? 0 : ByteBuffer.wrap(saved).getLong();
    }

    /// Keeps a time, for this life and the next.
    public void keepMillis(byte[] key, long millis) throws IOException {
        byte[] value = ByteBuffer.allocate(Long.BYTES).putLong(millis).array();
        metadata.write(new MetadataStore.Batch().put(key, value));
    }

    /// Whether appending would wait for the disk.
    public boolean isCongested() {
        return journal.isCongested();
    }

    /// Beyond so many bytes prepared and not applied, groups take no more than they need to go on:
    /// those that catch up and those that serve, each. No limit before.
    public void limitOpenBytes(long bytesMax) {
        // Each checkpoint writes what is open to the journal anew.
        long most = Math.min(bytesMax, settings.checkpointJournalBytes() / 2);
        List.of(servingBytes, catchingUpBytes).forEach(bytes -> bytes.limit(most));
    }

    /// Whether writers wait for a checkpoint to free the journal: a long wait that is no hang.
    public boolean isJournalFull() {
        return journal.liveBytes() >= settings.journal().liveBytesMax();
    }

    /// How much of the last seconds the disk kept clients waiting, 0 to 100.
    public int slowPercent(long nowNanos) {
        return Math.max(journal.slowPercent(nowNanos), reads.percent(nowNanos));
    }

    /// Why the store serves no more; empty while it does.
    public Optional<IOException> failure() {
        return Optional.ofNullable(failure.get());
    }

    /// Device writes of the journal since the start, and the records they carried.
    public long[] journalGroupsAndRecords() {
        return new long[] {journal.groupsWritten(), journal.recordsWritten()};
    }

    /// Makes everything durable and frees the journal; waits for it. Not for loops.
    public void checkpoint() throws IOException {
        checkpoint.runFull(groups.values());
        journal.prepareSpare();
    }

    /// Waits until every record appended before is durable. Not for loops.
    public void flush() throws IOException {
        journal.flush();
    }

    private void tick() {
        ticksSinceCheckpoint++;
        long sinceMillis = ticksSinceCheckpoint * CHECKPOINT_TICK.toMillis();
        boolean due =
                journal.liveBytes() > settings.checkpointJournalBytes() / 2
                        || limits.wantsCheckpoint()
                        || sinceMillis >= settings.checkpointMillis();
        if (due && writeBack == null && failure().isEmpty()) {
            writeBack =
                    new WriteBack(
                            name -> disk.open(name, Disk.Use.READ),
                            this::writtenFiles,
                            sinceMillis,
                            nowMillis());
            writeBackThenCheckpoint();
        }
        prepareSpare();
        askSpace();
    }

    /// Where space runs out the reserve is for what cannot wait.
    private void prepareSpare() {
        try {
            if (failure().isEmpty() && space.freeBytes() > 0) {
                journal.prepareSpare();
            }
        } catch (ClosedByInterruptException e) {
            log.debug("store {} is closed while a segment file was made", id());
        } catch (IOException e) {
            fail(e);
        }
    }

    /// A step of the write-back; once it is done, or can wait no longer, the checkpoint.
    private void writeBackThenCheckpoint() {
        WriteBack running = writeBack;
        if (running == null || failure().isPresent()) {
            return;
        }
        boolean isUrgent =
                limits.wantsCheckpoint() || journal.liveBytes() > settings.checkpointJournalBytes();
        try {
            if (!isUrgent && !running.step(nowMillis())) {
                writeBackLater();
                return;
            }
            checkpoint.runFull(groups.values());
            running.close();
            writeBack = null;
            ticksSinceCheckpoint = 0;
        } catch (IOException | RuntimeException | AssertionError e) {
            checkpointFailed(e);
        }
    }

    private void writeBackLater() {
        Loop thread = checkpointLoop;
        if (thread != null) {
            thread.schedule(WRITE_BACK_STEP, this::writeBackThenCheckpoint);
        }
    }

    private List<String> writtenFiles() {
        List<String> files = new ArrayList<>();
        for (GroupStore group : groups.values()) {
            files.addAll(group.writtenFiles());
        }
        return files;
    }

    private static long nowMillis() {
        return TimeUnit.NANOSECONDS.toMillis(BootClock.SYSTEM.nowNanos());
    }

    /// Asks the disk anew how much it may still take; the checkpoint thread does so every now and
    /// then.
    public void askSpace() {
        try {
            space.ask(journal.allBytes());
            limits.keepSpare(space.freeBytes() / SPARE_SHARE);
        } catch (IOException e) {
            fail(e);
        }
    }

    private void settle() {
        List<GroupStore> waiting;
        synchronized (settling) {
            waiting = new ArrayList<>(settling);
            settling.clear();
        }
        try {
            if (failure().isEmpty()) {
                checkpoint.runPartial(waiting);
            }
        } catch (IOException | RuntimeException | AssertionError e) {
            checkpointFailed(e);
        }
    }

    /// What was taken for the checkpoint is not in memory any more: the store must not go on.
    private void checkpointFailed(Throwable e) {
        fail(e instanceof IOException of ? of : new IOException("the checkpoint failed", e));
    }

    private void fail(IOException e) {
        if (!failure.compareAndSet(null, e)) {
            return;
        }
        // First of all: what is queued there is not to be acknowledged either.
        journal.abandon(e);
        log.error("store {} failed, it acknowledges nothing any more: {}", id(), e.toString());
        log.debug("store {} failed", id(), e);
        for (GroupStore group : groups.values()) {
            group.tellFailed(toldOf(e));
        }
    }

    private String toldOf(IOException e) {
        return "store " + id() + " failed: " + e.getMessage();
    }

    /// Stops; what was acknowledged is durable without a checkpoint, one is made to start faster.
    @Override
    public void close() throws IOException {
        Loop thread = checkpointLoop;
        if (thread != null) {
            thread.close();
        }
        WriteBack left = writeBack;
        if (left != null) {
            left.close();
        }
        if (failure().isEmpty()) {
            limits.keepNoSpare();
            checkpoint.runFull(groups.values());
            if (limits.hasLookedAtAll()) {
                life.leaveNoSpace();
            }
        }
        journal.close();
        for (GroupStore group : groups.values()) {
            group.close();
        }
        metadata.close();
    }
}
