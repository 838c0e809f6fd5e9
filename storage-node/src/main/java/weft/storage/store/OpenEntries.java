package weft.storage.store;

import weft.fabric.ChunkKey;
import weft.storage.chunk.ChunkStore;
import weft.storage.chunk.FilePlace;
import weft.storage.journal.DataBytes;
import weft.storage.journal.JournalRecord;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;

/// What one group has prepared and neither applied nor voided, by sequence, and what of the disk
/// each of them keeps: the space that it may take, and the place of a large write.
///
/// A large write's blocks go to their place before its record goes to the journal, so the record
/// only names them. Entries keep their payload in memory all the same: it is sent again from there,
/// and applied from there if its chunk was dropped in between. Owned like its [GroupStore].
final class OpenEntries {
    private final ChunkStore chunks;
    private final SpaceBudget space;
    private final OpenBytes servingBytes;
    private final OpenBytes catchingUpBytes;

    /// One of the two. Changed under the owner's lock.
    private volatile OpenBytes openBytes;

    private long payloadBytes;

    // Of the replica's loop.
    private long heldBytes;
    private final StoreSettings settings;
    private final TreeMap<Long, OpenEntry> bySequence = new TreeMap<>();

    /// A prepared entry and the journal segment that holds it (or an earlier one).
    ///
    /// @param placed the record that the journal has, if the payload is elsewhere
    private record OpenEntry(
            JournalRecord.Prepared record,
            Optional<JournalRecord.Placed> placed,
            long segmentEpoch) {
        /// What applying the entry may take of the disk: its blocks, the two at its edges, a new
        /// chunk. The blocks of a large write are counted as its chunk's already.
        long sizeBytes() {
            long more =
                    switch (record.entry().mutation()) {
                        case Mutation.Write write ->
                                (placed.isEmpty() ? write.lengthBytes() : 0)
                                        + 2L * ChunkKey.BLOCK_BYTES;
                        case Mutation.Fill fill -> fill.lengthBytes();
                        case Mutation.CopyDown copy -> copy.lengthBytes();
                        default -> 0;
                    };
            return ChunkKey.BLOCK_BYTES + more;
        }

        long payloadBytes() {
            return switch (record.entry().mutation()) {
                case Mutation.Write write -> write.lengthBytes();
                case Mutation.Fill fill -> fill.lengthBytes();
                default -> 0;
            };
        }
    }

    /// A large write that has its place.
    ///
    /// @param record that names it
    /// @param data to be written and forced before the record is
    /// @param durable to be run once the record is durable
    record Placement(JournalRecord.Placed record, DataBytes data, Runnable durable) {}

    OpenEntries(ChunkStore chunks, StoreShared shared) {
        this.chunks = chunks;
        space = shared.space();
        servingBytes = shared.servingBytes();
        catchingUpBytes = shared.catchingUpBytes();
        openBytes = servingBytes;
        settings = shared.settings();
    }

    /// See [weft.storage.replica.ReplicaDisk#isCrowded]. Any thread.
    boolean isCrowded() {
        return openBytes.areMany();
    }

    /// See [weft.storage.replica.ReplicaDisk#countHeld].
    void countHeld(long bytes) {
        openBytes.add(bytes - heldBytes);
        heldBytes = bytes;
    }

    /// Counts the group among those that catch up, or not any more. Nothing is held in either case.
    void setCatchingUp(boolean catchingUp) {
        countHeld(0);
        openBytes.add(-payloadBytes);
        openBytes = catchingUp ? catchingUpBytes : servingBytes;
        openBytes.add(payloadBytes);
    }

    private void count(long bytes) {
        payloadBytes += bytes;
        openBytes.add(bytes);
    }

    /// Adds an entry whose record has its payload.
    ///
    /// @param segmentEpoch the journal's present one
    void hold(JournalRecord.Prepared record, long segmentEpoch) {
        put(new OpenEntry(record, Optional.empty(), segmentEpoch));
    }

    /// Adds a large write and takes the place of its whole blocks; empty, and nothing is done, if
    /// it is to go through the journal like any other.
    ///
    /// Not while space is scarce: what it overwrites keeps its space until the next checkpoint. Nor
    /// during a catch-up: chunks are replaced then, with their files.
    Optional<Placement> place(JournalRecord.Prepared prepared, long segmentEpoch)
            throws IOException {
        boolean wanted =
                openBytes == servingBytes
                        && prepared.entry().mutation() instanceof Mutation.Write write
                        && write.checksums().remaining() / Integer.BYTES * ChunkKey.BLOCK_BYTES
                                >= settings.placedBytesMin()
                        && space.freeBytes() >= settings.checkpointJournalBytes();
        if (!wanted) {
            return Optional.empty();
        }
        Optional<ChunkStore.Placed> taken =
                chunks.place((Mutation.Write) prepared.entry().mutation());
        if (taken.isEmpty()) {
            return Optional.empty();
        }
        FilePlace place = taken.get().place();
        var record = JournalRecord.Placed.of(prepared, place.generation(), place.firstBlock());
        put(new OpenEntry(prepared, Optional.of(record), segmentEpoch));
        var data =
                new DataBytes(
                        taken.get().file(),
                        taken.get().folders(),
                        taken.get().positionBytes(),
                        taken.get().blocks());
        long lengthBytes = data.bytes().remaining();
        space.willWrite(lengthBytes);
        Runnable durable =
                () -> {
                    space.written(lengthBytes);
                    taken.get().durable().run();
                };
        return Optional.of(new Placement(record, data, durable));
    }

    /// Adds what a recovery found; the places are kept already.
    ///
    /// @throws IOException if a large write cannot be read back with its checksums
    void recover(GroupRecovery.Found found) throws IOException {
        switch (found.record()) {
            case JournalRecord.Prepared prepared -> {
                hold(prepared, found.segmentEpoch());
                chunks.recoverUnsettled(prepared.entry());
            }
            case JournalRecord.Placed placed -> {
                ByteBuffer blocks = ByteBuffer.allocate(placed.blocks() * ChunkKey.BLOCK_BYTES);
                chunks.readPlace(StoreRecovery.placeOf(placed), blocks, placed.checksums());
                JournalRecord.Prepared prepared = placed.with(blocks.flip());
                put(new OpenEntry(prepared, Optional.of(placed), found.segmentEpoch()));
                if (placed.edges().hasRemaining()) {
                    chunks.recoverUnsettled(prepared.entry());
                }
            }
        }
    }

    private void put(OpenEntry entry) {
        entry.record().entry().mutation().memory().retain();
        OpenEntry before = bySequence.put(entry.record().sequence(), entry);
        space.preparedChanged(entry.sizeBytes());
        count(entry.payloadBytes());
        if (before != null) {
            letGo(before);
        }
    }

    /// All of them, in ascending sequence.
    List<Entry> entries() {
        List<Entry> entries = new ArrayList<>(bySequence.size());
        for (OpenEntry entry : bySequence.values()) {
            entries.add(entry.record().entry());
        }
        return entries;
    }

    /// Where the entry's blocks are, if it was placed: an entry is applied after it is durable, and
    /// so are they. (Version, sequence) names its bytes for ever.
    Optional<FilePlace> placeOf(Entry entry) {
        OpenEntry prepared = bySequence.get(entry.sequence());
        if (prepared == null || prepared.record().entry().version() != entry.version()) {
            return Optional.empty();
        }
        return prepared.placed().map(StoreRecovery::placeOf);
    }

    /// Those up to the sequence are applied.
    void releaseTo(long sequence) {
        while (!bySequence.isEmpty() && bySequence.firstKey() <= sequence) {
            letGo(bySequence.pollFirstEntry().getValue());
        }
    }

    /// Those above the sequence are void.
    void voidAfter(long sequence) {
        SortedMap<Long, OpenEntry> voided = bySequence.tailMap(sequence, false);
        voided.values().forEach(this::letGo);
        voided.clear();
    }

    private void letGo(OpenEntry entry) {
        space.preparedChanged(-entry.sizeBytes());
        count(-entry.payloadBytes());
        entry.placed().ifPresent(placed -> chunks.release(StoreRecovery.placeOf(placed)));
        entry.record().entry().mutation().memory().release();
    }

    /// Hands over the records in segments before that epoch, which are then counted in it.
    void appendAnew(long epoch, Consumer<JournalRecord> append) {
        for (Map.Entry<Long, OpenEntry> slot : bySequence.entrySet()) {
            OpenEntry entry = slot.getValue();
            if (entry.segmentEpoch() < epoch) {
                append.accept(entry.placed().isPresent() ? entry.placed().get() : entry.record());
                slot.setValue(new OpenEntry(entry.record(), entry.placed(), epoch));
            }
        }
    }
}
