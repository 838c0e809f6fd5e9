package weft.wire.storage;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.wire.CountedMemory;
import weft.wire.WireMessage;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;

/// A message of the storage protocol. Buffers are immutable and may share the memory of the message
/// they came in; whoever reads one duplicates it first.
public sealed interface StorageMessage extends WireMessage {
    /// The most bytes one write or read carries: a chunk.
    int DATA_BYTES_MAX = ChunkKey.CHUNK_BYTES;

    /// What a client asks of the primary of a group, in a [ToStore]; answered by [Answer].
    sealed interface Request extends StorageMessage {
        /// The group that the client computed.
        PlacementGroupId pg();

        /// The newest configuration the client knows; 0 if none.
        long knownVersion();
    }

    /// Answer to a [Request].
    sealed interface Answer extends StorageMessage {}

    /// Changes one chunk. Sent again with the same (session, requestSequence) until it is answered:
    /// it takes effect once.
    ///
    /// @param session the attachment session, unique in the fabric, positive
    /// @param requestSequence the session's count of its writes over all groups, from 1
    /// @param lowestUnfinished the lowest requestSequence of the session not yet answered
    record WriteBlocks(
            PlacementGroupId pg,
            long knownVersion,
            long session,
            long requestSequence,
            long lowestUnfinished,
            long token,
            Mutation mutation)
            implements Request {
        /// Tokens from here on are those of changes that no holder can see: they are held against
        /// that of [VolumeId#MAINTENANCE] and not against the volume's.
        private static final long MAINTENANCE_BASE = 1L << 62;

        /// The token of giving back what no record names any more: it is above all others, and
        /// raises none.
        public static final long MAINTENANCE_TOKEN = Long.MAX_VALUE;

        /// The token of a piece of maintenance: of those before it nothing can be done any more
        /// once a group knows it.
        ///
        /// @param number of the piece, 0 to 2^62 - 2; grows
        public static long maintenanceToken(long number) {
            if (number < 0 || number >= MAINTENANCE_BASE - 1) {
                throw new IllegalArgumentException("maintenance " + number);
            }
            return MAINTENANCE_BASE + number;
        }

        /// Whether the token is one of maintenance.
        public static boolean isMaintenance(long token) {
            return token >= MAINTENANCE_BASE;
        }

        /// Whose token the request's is held against.
        public VolumeId guard() {
            return guard(token, mutation);
        }

        /// Whose token that of a mutation is held against.
        public static VolumeId guard(long token, Mutation mutation) {
            return isMaintenance(token) ? VolumeId.MAINTENANCE : mutation.volume();
        }

        @Override
        public CountedMemory memory() {
            return mutation.memory();
        }
    }

    /// A request that changes nothing.
    sealed interface ReadRequest extends Request {
        /// The reader's fencing token; 0 reads without being fenced (images, snapshots).
        long token();

        /// Through which is read, top first.
        List<VolumeId> layers();

        /// Index of the chunk in the volume.
        long chunkIndex();

        /// The volume whose token guards the top layer.
        default VolumeId volume() {
            return layers().getFirst().volume();
        }
    }

    /// Asks what the layers map of one chunk; answered by [MapDone].
    record MapBlocks(
            PlacementGroupId pg,
            long knownVersion,
            long token,
            List<VolumeId> layers,
            long chunkIndex)
            implements ReadRequest {
        public MapBlocks {
            layers = List.copyOf(layers);
            if (layers.isEmpty() || layers.size() > Volume.LAYERS_MAX) {
                throw new IllegalArgumentException(layers.size() + " layers");
            }
            if (chunkIndex < 0 || chunkIndex > ChunkKey.INDEX_MAX) {
                throw new IllegalArgumentException("chunk index " + chunkIndex);
            }
        }
    }

    /// What is known of each block of a chunk: the code of its [BlockState], a byte for each.
    record MapDone(ByteBuffer states) implements Answer {
        public MapDone {
            if (states.remaining() != ChunkKey.CHUNK_BLOCKS) {
                throw new IllegalArgumentException("states of " + states.remaining() + " blocks");
            }
        }
    }

    /// Reads whole blocks of one chunk through its layers.
    ///
    /// @param token the reader's fencing token; 0 reads without being fenced (images, snapshots)
    /// @param offsetInChunk a multiple of 4096
    /// @param lengthBytes a positive multiple of 4096
    record ReadBlocks(
            PlacementGroupId pg,
            long knownVersion,
            long token,
            List<VolumeId> layers,
            long chunkIndex,
            int offsetInChunk,
            int lengthBytes)
            implements ReadRequest {
        public ReadBlocks {
            layers = List.copyOf(layers);
            boolean aligned =
                    offsetInChunk % ChunkKey.BLOCK_BYTES == 0
                            && lengthBytes % ChunkKey.BLOCK_BYTES == 0;
            if (layers.isEmpty() || layers.size() > Volume.LAYERS_MAX) {
                throw new IllegalArgumentException(layers.size() + " layers");
            }
            if (!aligned
                    || offsetInChunk < 0
                    || lengthBytes < ChunkKey.BLOCK_BYTES
                    || offsetInChunk > ChunkKey.CHUNK_BYTES - lengthBytes) {
                throw new IllegalArgumentException(
                        "range %d+%d".formatted(offsetInChunk, lengthBytes));
            }
            if (chunkIndex < 0 || chunkIndex > ChunkKey.INDEX_MAX) {
                throw new IllegalArgumentException("chunk index " + chunkIndex);
            }
        }
    }

    /// The write is durable on all members.
    record WriteDone() implements Answer {}

    /// The bytes asked for.
    ///
    /// @param checksums one CRC32C (4 bytes, big-endian) for each block
    /// @param memory of both
    record ReadDone(ByteBuffer data, ByteBuffer checksums, CountedMemory memory) implements Answer {
        /// With bytes on the heap.
        public ReadDone(ByteBuffer data, ByteBuffer checksums) {
            this(data, checksums, CountedMemory.HEAP);
        }
    }

    /// The request was not done.
    ///
    /// @param current the configuration to try next, if this node knows one
    record Refused(Reason reason, Optional<Configuration> current, String detail)
            implements Answer {
        /// What the client does about it. Codes are their order: append only.
        public enum Reason {
            /// Ask the primary of `current`.
            NOT_PRIMARY,
            /// Ask again soon: a start, a change of members, a lost lease.
            NOT_SERVING,
            /// A newer holder has the volume; never ask again.
            FENCED,
            /// The pool is full; nothing was written.
            NO_SPACE,
            /// No replica has the block intact.
            CORRUPT,
            /// Too much is waiting here; ask again after a pause.
            OVERLOADED,
            /// The request makes no sense here; never ask again.
            BAD_REQUEST
        }
    }

    /// Are you alive? Sent by each storage node to each other, every 250 ms, for all its replicas;
    /// by a node with several stores also to itself.
    ///
    /// @param stores the sender's stores, in their present lives
    record Beat(NodeId from, long sentNanos, List<StoreBeat> stores) implements StorageMessage {
        public Beat {
            stores = List.copyOf(stores);
        }
    }

    /// I am: and my replicas leave a primary on your stores alone for the grace period from now.
    ///
    /// @param sentNanos of the beat, on the clock of who sent it
    /// @param stores the answering node's stores, in their present lives
    record BeatAck(NodeId from, long sentNanos, List<StoreBeat> stores) implements StorageMessage {
        public BeatAck {
            stores = List.copyOf(stores);
        }
    }

    /// A store as its node tells of it.
    ///
    /// @param freeBytes what writes may still use, less the reserve
    /// @param slowPercent how much of the last four seconds its disk kept writers waiting, 0 to 100
    record StoreBeat(Member member, long freeBytes, int slowPercent) {
        public StoreBeat {
            if (slowPercent < 0 || slowPercent > 100) {
                throw new IllegalArgumentException(slowPercent + " % of the time");
            }
        }
    }

    /// A request to one of a node's stores; its answers come bare, the envelope says to what.
    record ToStore(StoreId to, Request request) implements StorageMessage {
        @Override
        public CountedMemory memory() {
            return request.memory();
        }
    }

    /// A message between two replicas of one group, on two nodes or on two stores of one.
    record ToReplica(Member from, StoreId to, ReplicaMessage message) implements StorageMessage {
        @Override
        public CountedMemory memory() {
            return message.memory();
        }
    }

    /// The most stores of a node.
    int STORES_MAX = 64;
}
