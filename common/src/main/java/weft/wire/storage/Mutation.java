package weft.wire.storage;

import weft.fabric.ChunkKey;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.wire.CountedMemory;

import java.nio.ByteBuffer;
import java.util.List;

/// A change of one placement group's state, with the exact bytes: the same at the entry, in every
/// journal and when it is applied.
///
/// Buffers are immutable: whoever reads one duplicates it first. Blocks that a range covers in part
/// are read-modify-written when the mutation is applied, in sequence order, at each replica alike;
/// what is not in the top layer is read through `layers`.
public sealed interface Mutation {
    /// The volume that the request is for: its token guards it.
    VolumeId volume();

    /// Whether it is done to sealed layers behind their volumes, and never by a holder.
    default boolean isMaintenance() {
        return this instanceof Fill
                || this instanceof Cover
                || this instanceof Trim
                || this instanceof CopyDown
                || this instanceof DropLayer
                || this instanceof ForgetVolume
                || this instanceof RaiseToken raise && raise.volume().equals(VolumeId.MAINTENANCE);
    }

    /// The memory in which its long bytes lie. Who keeps the mutation holds that.
    default CountedMemory memory() {
        return CountedMemory.HEAP;
    }

    /// A mutation of a range of one chunk of the top layer.
    sealed interface OfChunk extends Mutation {
        /// Layer ids, top (the written one) first.
        List<VolumeId> layers();

        /// Index of the chunk in the volume.
        long chunkIndex();

        /// First byte, from the chunk's start.
        int offsetInChunk();

        /// Bytes concerned, ≥ 1.
        int lengthBytes();

        @Override
        default VolumeId volume() {
            return layers().getFirst().volume();
        }

        /// The chunk that changes.
        default ChunkKey chunk() {
            return new ChunkKey(layers().getFirst(), chunkIndex());
        }
    }

    /// New bytes.
    ///
    /// @param checksums one CRC32C (4 bytes, big-endian) for each *whole* block in the range, in
    ///   order; made where the write entered the fabric
    /// @param memory of both
    record Write(
            List<VolumeId> layers,
            long chunkIndex,
            int offsetInChunk,
            ByteBuffer payload,
            ByteBuffer checksums,
            CountedMemory memory)
            implements OfChunk {
        /// With bytes on the heap.
        public Write(
                List<VolumeId> layers,
                long chunkIndex,
                int offsetInChunk,
                ByteBuffer payload,
                ByteBuffer checksums) {
            this(layers, chunkIndex, offsetInChunk, payload, checksums, CountedMemory.HEAP);
        }

        public Write {
            layers = checkRange(layers, chunkIndex, offsetInChunk, payload.remaining());
            int whole = wholeBlocks(offsetInChunk, payload.remaining());
            if (checksums.remaining() != 4 * whole) {
                throw new IllegalArgumentException(
                        "%d bytes of checksums for %d whole blocks"
                                .formatted(checksums.remaining(), whole));
            }
        }

        /// @throws IllegalStateException if the bytes may be others' by now
        Write onHeap() {
            memory.retain();
            try {
                return new Write(
                        layers, chunkIndex, offsetInChunk, copyOf(payload), copyOf(checksums));
            } finally {
                memory.release();
            }
        }

        @Override
        public int lengthBytes() {
            return payload.remaining();
        }
    }

    /// The range reads as zeroes afterwards.
    record Zero(List<VolumeId> layers, long chunkIndex, int offsetInChunk, int lengthBytes)
            implements OfChunk {
        public Zero {
            layers = checkRange(layers, chunkIndex, offsetInChunk, lengthBytes);
        }
    }

    /// Whole blocks of the range read as zeroes and give their space back; the rest stays.
    record Discard(List<VolumeId> layers, long chunkIndex, int offsetInChunk, int lengthBytes)
            implements OfChunk {
        public Discard {
            layers = checkRange(layers, chunkIndex, offsetInChunk, lengthBytes);
        }
    }

    /// New bytes for whole blocks that the layer does not map; those that it maps stay. What the
    /// layers below say of them, so that the layer can do without these.
    ///
    /// @param layers only the one that is filled
    record Fill(
            List<VolumeId> layers,
            long chunkIndex,
            int offsetInChunk,
            ByteBuffer payload,
            ByteBuffer checksums)
            implements OfChunk {
        public Fill {
            layers = checkRange(layers, chunkIndex, offsetInChunk, payload.remaining());
            int blocks = payload.remaining() / ChunkKey.BLOCK_BYTES;
            boolean whole =
                    layers.size() == 1
                            && (offsetInChunk | payload.remaining()) % ChunkKey.BLOCK_BYTES == 0;
            if (!whole || checksums.remaining() != 4 * blocks) {
                throw new IllegalArgumentException(
                        "fill of %d bytes at %d in %d layers with %d bytes of checksums"
                                .formatted(
                                        payload.remaining(),
                                        offsetInChunk,
                                        layers.size(),
                                        checksums.remaining()));
            }
        }

        @Override
        public int lengthBytes() {
            return payload.remaining();
        }
    }

    /// Maps as zeroes the whole blocks of the range that the layer does not map: what the layers
    /// below have of them is not seen any more.
    ///
    /// @param layers only the one that is covered
    record Cover(List<VolumeId> layers, long chunkIndex, int offsetInChunk, int lengthBytes)
            implements OfChunk {
        public Cover {
            layers = checkRange(layers, chunkIndex, offsetInChunk, lengthBytes);
            boolean whole = (offsetInChunk | lengthBytes) % ChunkKey.BLOCK_BYTES == 0;
            if (!whole || layers.size() != 1) {
                throw new IllegalArgumentException(
                        "cover of %d bytes at %d in %d layers"
                                .formatted(lengthBytes, offsetInChunk, layers.size()));
            }
        }
    }

    /// Maps as zeroes the whole blocks of the range: nobody sees them in this layer any more.
    ///
    /// @param layers only the one that is trimmed
    record Trim(List<VolumeId> layers, long chunkIndex, int offsetInChunk, int lengthBytes)
            implements OfChunk {
        public Trim {
            layers = checkRange(layers, chunkIndex, offsetInChunk, lengthBytes);
            boolean whole = (offsetInChunk | lengthBytes) % ChunkKey.BLOCK_BYTES == 0;
            if (!whole || layers.size() != 1) {
                throw new IllegalArgumentException(
                        "trim of %d bytes at %d in %d layers"
                                .formatted(lengthBytes, offsetInChunk, layers.size()));
            }
        }
    }

    /// Copies what a layer maps in the range, as bytes or as zeroes, over what the layer below it
    /// maps, so that the upper one can go: no reader sees a difference.
    ///
    /// It may only be asked while nothing is written to `upper` any more, and `lower` is not the
    /// upper one of another copy that was begun before: a replay after a crash reads `upper` again.
    /// If `upper` is gone, nothing happens.
    record CopyDown(
            VolumeId upper, VolumeId lower, long chunkIndex, int offsetInChunk, int lengthBytes)
            implements OfChunk {
        public CopyDown {
            var _ = checkRange(List.of(lower, upper), chunkIndex, offsetInChunk, lengthBytes);
            boolean whole = (offsetInChunk | lengthBytes) % ChunkKey.BLOCK_BYTES == 0;
            if (!whole || upper.equals(lower)) {
                throw new IllegalArgumentException(
                        "copy of %s to %s, %d bytes at %d"
                                .formatted(upper, lower, lengthBytes, offsetInChunk));
            }
        }

        /// The written one, and the other that its result depends on.
        @Override
        public List<VolumeId> layers() {
            return List.of(lower, upper);
        }

        /// The chunk that is copied from.
        public ChunkKey source() {
            return new ChunkKey(upper, chunkIndex);
        }
    }

    /// From here on requests for the volume with a lower token are refused.
    ///
    /// @param sessionsFrom sessions that began by a lower token than this never come again; those
    ///   of others may go on by a higher one, and what they did stays known
    record RaiseToken(VolumeId volume, long token, long sessionsFrom) implements Mutation {
        public RaiseToken {
            if (sessionsFrom < 0 || sessionsFrom > token) {
                throw new IllegalArgumentException(
                        "token %d, sessions from %d".formatted(token, sessionsFrom));
            }
        }

        /// Of a holder that comes alone: those before it are gone.
        public RaiseToken(VolumeId volume, long token) {
            this(volume, token, token);
        }
    }

    /// Deletes all chunks of a layer that no volume uses any more.
    record DropLayer(VolumeId layer) implements Mutation {
        @Override
        public VolumeId volume() {
            return layer.volume();
        }
    }

    /// Forgets the token and the sessions of a volume that is gone, with all its layers.
    record ForgetVolume(VolumeId volume) implements Mutation {}

    /// Blocks that lie whole in the range.
    static int wholeBlocks(int offset, int lengthBytes) {
        int first = (offset + ChunkKey.BLOCK_BYTES - 1) / ChunkKey.BLOCK_BYTES;
        int end = (offset + lengthBytes) / ChunkKey.BLOCK_BYTES;
        return Math.max(0, end - first);
    }

    private static List<VolumeId> checkRange(
            List<VolumeId> layers, long chunkIndex, int offset, int lengthBytes) {
        if (layers.isEmpty() || layers.size() > Volume.LAYERS_MAX) {
            throw new IllegalArgumentException(layers.size() + " layers");
        }
        if (chunkIndex < 0 || chunkIndex > ChunkKey.INDEX_MAX) {
            throw new IllegalArgumentException("chunk index " + chunkIndex);
        }
        if (offset < 0 || lengthBytes < 1 || offset > ChunkKey.CHUNK_BYTES - lengthBytes) {
            throw new IllegalArgumentException(
                    "range %d+%d is not in a chunk".formatted(offset, lengthBytes));
        }
        return List.copyOf(layers);
    }

    private static ByteBuffer copyOf(ByteBuffer bytes) {
        ByteBuffer copy = ByteBuffer.allocate(bytes.remaining());
        return copy.put(bytes.duplicate()).flip();
    }
}
