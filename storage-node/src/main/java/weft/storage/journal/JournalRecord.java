package weft.storage.journal;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.wire.CountedMemory;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.nio.ByteBuffer;

/// What a replica makes durable. Records of one group are recovered in the order in which they were
/// appended; what [weft.storage.replica.RecoveredState] says is their sum.
public sealed interface JournalRecord {
    /// The group.
    PlacementGroupId pg();

    /// The configuration version in which the record was made.
    long version();

    /// The memory in which its long bytes lie. Who keeps the record holds that.
    default CountedMemory memory() {
        return CountedMemory.HEAP;
    }

    /// An entry is prepared: by itself or with its payload elsewhere.
    sealed interface OfEntry extends JournalRecord {
        /// The entry's number in the group's order.
        long sequence();
    }

    /// The entry is prepared. It follows the prepared entry before it without a gap or replaces the
    /// one with its sequence; into an empty list (after [Truncated]) any sequence may come.
    record Prepared(PlacementGroupId pg, long version, Entry entry) implements OfEntry {
        @Override
        public long sequence() {
            return entry.sequence();
        }

        @Override
        public CountedMemory memory() {
            return entry.mutation().memory();
        }
    }

    /// The same of a large write whose whole blocks are durable in a chunk file already. The store
    /// makes it of a [Prepared], and a [Prepared] of it when it starts; replicas never see it. All
    /// of it is on the heap.
    ///
    /// @param range the entry, with a [Mutation.Zero] in place of the write
    /// @param generation of the chunk file
    /// @param fileBlock the first of the blocks in that file
    /// @param edges the bytes before and behind the whole blocks, which are applied as small writes
    /// @param checksums one CRC32C (4 bytes, big-endian) for each whole block
    record Placed(
            PlacementGroupId pg,
            long version,
            Entry range,
            long generation,
            int fileBlock,
            ByteBuffer edges,
            ByteBuffer checksums)
            implements OfEntry {
        public Placed {
            if (!(range.mutation() instanceof Mutation.Zero zero)) {
                throw new IllegalArgumentException("a placed entry that is no write");
            }
            int blocks = blocksOf(zero);
            int edgeBytes = zero.lengthBytes() - blocks * ChunkKey.BLOCK_BYTES;
            if (blocks == 0
                    || edges.remaining() != edgeBytes
                    || checksums.remaining() != blocks * Integer.BYTES) {
                throw new IllegalArgumentException(
                        "%d bytes placed with %d beside them and %d of checksums"
                                .formatted(
                                        zero.lengthBytes(),
                                        edges.remaining(),
                                        checksums.remaining()));
            }
        }

        /// The record of a prepared write.
        public static Placed of(Prepared prepared, long generation, int fileBlock) {
            Entry entry = prepared.entry();
            var write = (Mutation.Write) entry.mutation();
            var zero =
                    new Mutation.Zero(
                            write.layers(),
                            write.chunkIndex(),
                            write.offsetInChunk(),
                            write.lengthBytes());
            ByteBuffer payload = write.payload();
            int start = payload.position();
            int head = headBytes(zero);
            int blockBytes = blocksOf(zero) * ChunkKey.BLOCK_BYTES;
            int tail = write.lengthBytes() - head - blockBytes;
            ByteBuffer edges = ByteBuffer.allocate(head + tail);
            edges.put(payload.slice(start, head));
            edges.put(payload.slice(start + head + blockBytes, tail));
            ByteBuffer checksums = ByteBuffer.allocate(write.checksums().remaining());
            checksums.put(write.checksums().duplicate());
            return new Placed(
                    prepared.pg(),
                    prepared.version(),
                    entry.with(zero),
                    generation,
                    fileBlock,
                    edges.flip(),
                    checksums.flip());
        }

        /// The prepared write, with these whole blocks.
        public Prepared with(ByteBuffer blocks) {
            Mutation.Zero zero = zero();
            ByteBuffer payload = ByteBuffer.allocate(zero.lengthBytes());
            payload.put(edges.slice(edges.position(), headBytes(zero)));
            payload.put(blocks.duplicate());
            int tail = payload.remaining();
            payload.put(edges.slice(edges.limit() - tail, tail));
            var write =
                    new Mutation.Write(
                            zero.layers(),
                            zero.chunkIndex(),
                            zero.offsetInChunk(),
                            payload.flip(),
                            checksums);
            return new Prepared(pg, version, range.with(write));
        }

        /// The chunk that is written.
        public ChunkKey chunk() {
            return zero().chunk();
        }

        /// How many whole blocks are elsewhere.
        public int blocks() {
            return blocksOf(zero());
        }

        @Override
        public long sequence() {
            return range.sequence();
        }

        private Mutation.Zero zero() {
            return (Mutation.Zero) range.mutation();
        }

        private static int blocksOf(Mutation.Zero zero) {
            return Mutation.wholeBlocks(zero.offsetInChunk(), zero.lengthBytes());
        }

        private static int headBytes(Mutation.Zero zero) {
            return -zero.offsetInChunk() & (ChunkKey.BLOCK_BYTES - 1);
        }
    }

    /// Prepared entries above `afterSequence` are void.
    record Truncated(PlacementGroupId pg, long version, long afterSequence)
            implements JournalRecord {}

    /// The replica answers in this version, and in no older one any more.
    ///
    /// @param inSync it is a member in it, with everything that was committed before; else it is
    ///   catching up and may not become primary by itself
    record VersionTaken(PlacementGroupId pg, long version, boolean inSync)
            implements JournalRecord {}

    /// Catch-up begins: all earlier prepared entries are void, `sequence` and `tables` are what a
    /// primary had; chunks are compared and installed from here on, entries above `sequence` follow
    /// as [Prepared]. The state is whole only once a [VersionTaken] says `inSync`. A checkpoint
    /// with a higher applied sequence wins over `sequence` and `tables`.
    ///
    /// @param tables as `ReplicatedTables` writes itself
    record Adopted(PlacementGroupId pg, long version, long sequence, ByteBuffer tables)
            implements JournalRecord {}

    /// The replica's data are deleted; earlier records of the group are void.
    record Dropped(PlacementGroupId pg, long version) implements JournalRecord {}
}
