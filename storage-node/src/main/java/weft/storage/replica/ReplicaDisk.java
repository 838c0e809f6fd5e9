package weft.storage.replica;

import weft.fabric.ChunkKey;
import weft.storage.journal.JournalRecord;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.MapPage;
import weft.wire.storage.StorageMessage.MapBlocks;
import weft.wire.storage.StorageMessage.ReadBlocks;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;

/// One group's data on one store, as its replica sees them. All calls come from the replica's loop,
/// do not block, and are done in the order of the calls: a read sees every entry applied and every
/// chunk installed before it, durable or not. Results come as [Events] with the call's ticket.
public interface ReplicaDisk {
    /// Appends to the journal. Records of a group become durable in order.
    void append(long ticket, JournalRecord record);

    /// Whether the groups of this disk have so much prepared and not applied that none is to add
    /// more than it needs to go on; what is held ([#countHeld]) counts. Groups that catch up are
    /// counted apart from those that serve: each is told of its own kind.
    boolean isCrowded();

    /// Whether records have come to the journal one at a time for a while: somebody waits for each,
    /// and nothing is gained by gathering.
    default boolean isOneAtATime() {
        return false;
    }

    /// Tells how many bytes of entries, left out of the chunks, the replica has in memory until
    /// [#applyLate]: they count as prepared. None after `Adopted` or `VersionTaken`.
    void countHeld(long bytes);

    /// How much the disk was at work for writers since this was worked out last, a second ago or
    /// longer: 0 to 100.
    int busyPercent(long nowNanos);

    /// Applies a committed entry to chunks and tables. Calls of this and of [#leaveOut] come in
    /// ascending sequence, without a gap. A chunk whose stamp has the entry's sequence or a higher
    /// one is left alone. The entry's effect is durable through its journal record until the
    /// store's checkpoint covers it.
    void apply(Entry entry);

    /// Applies a committed entry to the tables only. During a catch-up (from `Adopted` to
    /// `VersionTaken` in sync): its chunk is copied with it, or [#applyLate] follows.
    void leaveOut(Entry entry);

    /// Applies to its chunk what was left out. Those of one chunk ascend. Durable once [#settle]
    /// has ended, and not by the journal.
    void applyLate(Entry entry);

    /// Reads committed blocks through the layers, checking checksums. Unmapped blocks are zeroes.
    void read(long ticket, ReadBlocks request);

    /// Looks up which blocks of a chunk the layers map; ends as a read does.
    void map(long ticket, MapBlocks request);

    /// Lists chunks of the group in ascending order after `after`, at most
    /// `ReplicaMessage.STAMPS_MAX`.
    void listChunks(long ticket, Optional<ChunkKey> after);

    /// Reads all that is mapped in a chunk, as of one moment, with its stamp.
    void readChunk(long ticket, ChunkKey key);

    /// Reads one block with its chunk's stamp: no chunk or no run if it is not stored here.
    void readBlock(long ticket, DamagedBlock block);

    /// Looks at stored blocks of a chunk on the device, from `fromBlock` on, as many as the scratch
    /// holds and no more than one run. The scratch is the disk's until the answer comes.
    void verify(long ticket, ChunkKey key, int fromBlock, ByteBuffer scratch);

    /// Tells what the maps say of the group's chunks after `after`, in ascending order, as many as
    /// a page holds, as of one moment.
    void digestMaps(long ticket, Optional<ChunkKey> after);

    /// Writes another member's copy of a damaged block, if it fits: if its stamp is the chunk's
    /// present one, or its checksum the one that the block should have.
    void repairBlock(long ticket, DamagedBlock block, ChunkContent copy);

    /// Replaces a chunk, all at once, unless its stamp's sequence is higher; done when durable.
    void installChunk(long ticket, ChunkContent content);

    /// Removes a chunk; done when durable.
    void deleteChunk(long ticket, ChunkKey key);

    /// Makes what the chunks hold durable without the journal; done when it is. `Adopted` voids the
    /// records of all that was applied before it, and copies are in none.
    void settle(long ticket);

    /// Removes all data of the group; done when durable. Later calls start from nothing.
    void dropAll(long ticket);

    /// How a read ended.
    sealed interface ReadOutcome {
        /// @param checksums one CRC32C (4 bytes, big-endian) per block
        record Blocks(ByteBuffer blocks, ByteBuffer checksums) implements ReadOutcome {}

        /// @param states as in `StorageMessage.MapDone`
        record Mapped(ByteBuffer states) implements ReadOutcome {}

        /// A block's bytes and its checksum do not agree.
        record Damaged(DamagedBlock block) implements ReadOutcome {}

        /// The device failed.
        record Failed(String detail) implements ReadOutcome {}
    }

    /// Results. The wiring calls them on the replica's loop.
    interface Events {
        /// Every record appended up to this ticket is durable.
        void onDurable(long ticket);

        /// [ReplicaDisk#read] ended.
        void onRead(long ticket, ReadOutcome outcome);

        /// [ReplicaDisk#listChunks] ended. `last`: nothing follows.
        void onChunkList(long ticket, List<ChunkStamp> stamps, boolean last);

        /// [ReplicaDisk#readChunk] or [ReplicaDisk#readBlock] ended; empty if there is no such
        /// chunk.
        void onChunk(long ticket, Optional<ChunkContent> content);

        /// [ReplicaDisk#readChunk] or [ReplicaDisk#readBlock] met a damaged block.
        void onDamaged(long ticket, DamagedBlock block);

        /// [ReplicaDisk#verify] ended.
        ///
        /// @param nextBlock where the next look begins; `CHUNK_BLOCKS` if this was the last, also
        ///   where there is no such chunk
        /// @param blocks how many were compared with their checksums
        /// @param damaged those that do not have theirs
        default void onVerified(
                long ticket, int nextBlock, int blocks, List<DamagedBlock> damaged) {}

        /// [ReplicaDisk#digestMaps] ended.
        default void onMaps(long ticket, MapPage page) {}

        /// [ReplicaDisk#repairBlock] ended. `fits`: the block is good again.
        void onRepaired(long ticket, boolean fits);

        /// An install, delete, settle or drop is durable.
        void onDone(long ticket);

        /// The store cannot go on: the replica stops and answers nothing more.
        void onFailed(long ticket, String detail);
    }
}
