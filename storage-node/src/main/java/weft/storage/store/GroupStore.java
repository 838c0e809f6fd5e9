package weft.storage.store;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.fabric.VolumeId;
import weft.storage.chunk.ChunkChanges;
import weft.storage.chunk.ChunkStore;
import weft.storage.journal.GroupCommit;
import weft.storage.journal.JournalRecord;
import weft.storage.journal.JournalRecordCodec;
import weft.storage.replica.RecoveredState;
import weft.storage.replica.ReplicaDisk;
import weft.storage.replica.ReplicatedTables;
import weft.wire.MalformedMessage;
import weft.wire.WireWriter;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.StorageMessage.MapBlocks;
import weft.wire.storage.StorageMessage.ReadBlocks;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.Consumer;

/// One placement group on one store.
///
/// A record goes to the journal with an ordinal in front, so that a recovery can tell which records
/// the saved state already includes. What is prepared and not applied is kept here by sequence: a
/// checkpoint copies the old ones forward, and nothing else holds a journal segment.
///
/// Calls come from the replica's loop, and the checkpoint thread's to copy what changed: a lock, as
/// it must get through a busy loop. It is held for memory and page-cache work, a chunk's holes,
/// what scrubbing reads (256 KiB), never for a force, but for a part of a large write (512 KiB).
final class GroupStore implements ReplicaDisk {
    private final PlacementGroupId pg;
    private final ChunkStore chunks;
    private final GroupCommit journal;
    private final SpaceBudget space;
    private final StoreEvents store;
    private final Object lock = new Object();
    private final GroupLooks looks;

    // Guarded by lock.
    private final OpenEntries open;
    private ReplicatedTables tables;
    private long version;
    private boolean inSync;
    private long appliedSequence;
    private long ordinal;
    private long voidedOrdinal;
    private long recoveredTail;
    private long usedBytes;
    private boolean changed;
    private List<Long> settling = new ArrayList<>();

    // Set once by attach, before any other call.
    private @Nullable Executor loop;
    private @Nullable Events events;

    GroupStore(PlacementGroupId pg, GroupState saved, ChunkStore chunks, StoreShared shared)
            throws IOException {
        this.pg = pg;
        this.chunks = chunks;
        journal = shared.journal();
        space = shared.space();
        open = new OpenEntries(chunks, shared);
        store = shared.events();
        looks = new GroupLooks(pg, chunks, lock, shared, this::tell);
        tables = saved.decodeTables();
        version = saved.version();
        inSync = saved.inSync();
        appliedSequence = saved.appliedSequence();
        ordinal = saved.ordinal();
        voidedOrdinal = saved.voidedOrdinal();
    }

    PlacementGroupId pg() {
        return pg;
    }

    /// Takes what a recovery found in the journal beyond the saved state.
    ///
    /// @throws IOException if a large write cannot be read back with its checksums
    void recover(GroupRecovery found) throws IOException {
        synchronized (lock) {
            tables = found.tables();
            version = found.version();
            inSync = found.isInSync();
            appliedSequence = found.appliedSequence();
            ordinal = found.ordinal();
            voidedOrdinal = found.voidedOrdinal();
            for (GroupRecovery.Found entry : found.prepared()) {
                open.recover(entry);
                recoveredTail = entry.record().sequence();
            }
            open.setCatchingUp(!inSync);
            changed = true;
            accountChunks();
        }
    }

    RecoveredState state() {
        synchronized (lock) {
            return new RecoveredState(
                    pg, version, inSync, appliedSequence, open.entries(), tables.copy());
        }
    }

    void attach(Executor newLoop, Events newEvents) {
        loop = newLoop;
        events = newEvents;
    }

    private void tell(Consumer<Events> what) {
        Executor executor = loop;
        Events listener = events;
        if (executor != null && listener != null) {
            executor.execute(() -> what.accept(listener));
        }
    }

    @Override
    public void append(long ticket, JournalRecord record) {
        journal.awaitRoom();
        synchronized (lock) {
            try {
                if (record instanceof JournalRecord.Prepared prepared
                        && appendPlaced(ticket, prepared)) {
                    return;
                }
                take(record);
            } catch (MalformedMessage e) {
                throw new IllegalArgumentException(pg + ": " + e.getMessage(), e);
            } catch (IOException e) {
                store.failed(e);
                return;
            }
            write(record, () -> tell(e -> e.onDurable(ticket)));
        }
    }

    /// Appends a large write by a record that only names its blocks, if it is to have a place.
    private boolean appendPlaced(long ticket, JournalRecord.Prepared prepared) throws IOException {
        Optional<OpenEntries.Placement> placed = open.place(prepared, journal.currentEpoch());
        if (placed.isEmpty()) {
            return false;
        }
        changed = true;
        accountChunks();
        OpenEntries.Placement placement = placed.get();
        journal.append(
                encode(placement.record()),
                placement.data(),
                prepared.memory()
                        .holdUntil(() -> {
                            placement.durable().run();
                            tell(e -> e.onDurable(ticket));
                        }));
        return true;
    }

    /// In memory, before it is queued: a checkpoint sees no less than the records up to `ordinal`.
    private void take(JournalRecord record) throws MalformedMessage {
        changed = true;
        switch (record) {
            case JournalRecord.Prepared prepared -> open.hold(prepared, journal.currentEpoch());
            case JournalRecord.Placed _ -> throw new IllegalArgumentException("a store's record");
            case JournalRecord.Truncated truncated -> open.voidAfter(truncated.afterSequence());
            case JournalRecord.VersionTaken taken -> {
                version = Math.max(version, taken.version());
                inSync = taken.inSync();
                open.setCatchingUp(!inSync);
            }
            case JournalRecord.Adopted adopted -> {
                restart(ReplicatedTables.decode(adopted.tables()), adopted.sequence(), true);
                recoveredTail = 0;
                chunks.settle();
            }
            case JournalRecord.Dropped _ -> {
                restart(new ReplicatedTables(), 0, false);
                inSync = false;
            }
        }
    }

    private void restart(ReplicatedTables newTables, long sequence, boolean catchesUp) {
        tables = newTables;
        open.voidAfter(0);
        appliedSequence = sequence;
        voidedOrdinal = ordinal + 1;
        open.setCatchingUp(catchesUp);
    }

    private void write(JournalRecord record, Runnable durable) {
        journal.append(encode(record), record.memory().holdUntil(durable));
    }

    private List<ByteBuffer> encode(JournalRecord record) {
        var out = new WireWriter();
        out.putLong(++ordinal);
        JournalRecordCodec.put(record, out);
        return out.toBuffers();
    }

    @Override
    public void apply(Entry entry) {
        take(entry, true);
    }

    @Override
    public void leaveOut(Entry entry) {
        take(entry, false);
    }

    private void take(Entry entry, boolean intoChunks) {
        work(() -> {
            if (entry.sequence() > appliedSequence) {
                if (intoChunks) {
                    chunks.apply(entry, open.placeOf(entry));
                }
                tables.apply(entry);
                advance(entry.sequence());
            }
        });
    }

    @Override
    public void applyLate(Entry entry) {
        work(() -> chunks.apply(entry, Optional.empty()));
    }

    /// Whether it was made; otherwise the store has failed.
    private boolean work(Change change) {
        try {
            synchronized (lock) {
                changed = true;
                change.make();
                accountChunks();
            }
            return true;
        } catch (IOException e) {
            store.failed(e);
            return false;
        }
    }

    private void advance(long sequence) {
        appliedSequence = sequence;
        open.releaseTo(sequence);
        if (recoveredTail != 0 && appliedSequence >= recoveredTail) {
            chunks.settle();
            recoveredTail = 0;
        }
    }

    private void accountChunks() {
        long used = chunks.usedBytes();
        space.chunksChanged(used - usedBytes);
        usedBytes = used;
    }

    @Override
    public void read(long ticket, ReadBlocks request) {
        looks.read(ticket, request);
    }

    @Override
    public void map(long ticket, MapBlocks request) {
        looks.map(ticket, request);
    }

    @Override
    public void listChunks(long ticket, Optional<ChunkKey> after) {
        looks.listChunks(ticket, after);
    }

    @Override
    public void readChunk(long ticket, ChunkKey key) {
        looks.readChunk(ticket, key);
    }

    @Override
    public void readBlock(long ticket, DamagedBlock block) {
        looks.readBlock(ticket, block);
    }

    @Override
    public void verify(long ticket, ChunkKey key, int fromBlock, ByteBuffer scratch) {
        looks.verify(ticket, key, fromBlock, scratch);
    }

    @Override
    public void digestMaps(long ticket, Optional<ChunkKey> after) {
        looks.digestMaps(ticket, after);
    }

    @Override
    public void repairBlock(long ticket, DamagedBlock block, ChunkContent copy) {
        looks.tell(
                ticket,
                () -> {
                    boolean fits = chunks.repair(block, copy);
                    changed |= fits;
                    return fits;
                },
                (e, fits) -> e.onRepaired(ticket, fits));
    }

    @Override
    public void installChunk(long ticket, ChunkContent content) {
        change(ticket, () -> chunks.install(content));
    }

    @Override
    public void deleteChunk(long ticket, ChunkKey key) {
        change(ticket, () -> chunks.delete(key));
    }

    @Override
    public boolean isCrowded() {
        return open.isCrowded();
    }

    @Override
    public boolean isOneAtATime() {
        return journal.isOneAtATime();
    }

    @Override
    public void countHeld(long bytes) {
        open.countHeld(bytes);
    }

    @Override
    public int busyPercent(long nowNanos) {
        return journal.busyPercent(nowNanos);
    }

    @Override
    public void settle(long ticket) {
        change(ticket, () -> {});
    }

    @Override
    public void dropAll(long ticket) {
        journal.awaitRoom();
        change(
                ticket,
                () -> {
                    var dropped = new JournalRecord.Dropped(pg, version);
                    take(dropped);
                    write(dropped, () -> {});
                    chunks.deleteAll();
                });
    }

    private interface Change {
        void make() throws IOException;
    }

    /// Durable by a checkpoint and not by the journal.
    private void change(long ticket, Change change) {
        boolean isMade =
                work(() -> {
                    change.make();
                    settling.add(ticket);
                });
        if (isMade) {
            store.settleSoon(this);
        }
    }

    /// Adds what each layer stores here, in bytes.
    void addStoredBytes(Map<VolumeId, Long> byLayer) {
        synchronized (lock) {
            chunks.addStoredBytes(byLayer);
        }
    }

    /// Files that a checkpoint would force.
    List<String> writtenFiles() {
        synchronized (lock) {
            return chunks.writtenFiles();
        }
    }

    /// What a checkpoint saves of this group, and the calls that are then done.
    record Taken(GroupStore group, GroupState state, ChunkChanges chunks, List<Long> tickets) {}

    /// Copies what changed since the last call; empty if nothing did. Prepared entries in segments
    /// before `firstEpoch` are appended anew; 0 is that of a checkpoint of some groups only, which
    /// leaves the journal as it is.
    Optional<Taken> takeChanges(long firstEpoch) throws IOException {
        synchronized (lock) {
            open.appendAnew(firstEpoch, record -> write(record, () -> {}));
            if (!changed && (firstEpoch == 0 || !chunks.hasSpaceToFree())) {
                return Optional.empty();
            }
            changed = false;
            var state =
                    GroupState.of(version, inSync, appliedSequence, ordinal, voidedOrdinal, tables);
            List<Long> tickets = settling;
            settling = new ArrayList<>();
            var all = firstEpoch == 0 ? chunks.takeChanges() : chunks.takeChangesAndSpace();
            return Optional.of(new Taken(this, state, all, tickets));
        }
    }

    /// What was taken is durable. The lock is held for one chunk's space at a time.
    void saved(Taken taken) throws IOException {
        synchronized (lock) {
            chunks.saved(taken.chunks());
        }
        boolean more = true;
        while (more) {
            synchronized (lock) {
                more = chunks.freeSpace(taken.chunks());
                accountChunks();
            }
        }
        for (long ticket : taken.tickets()) {
            tell(e -> e.onDone(ticket));
        }
    }

    void tellFailed(String detail) {
        tell(e -> e.onFailed(0, detail));
    }

    void close() throws IOException {
        synchronized (lock) {
            chunks.close();
        }
    }
}
