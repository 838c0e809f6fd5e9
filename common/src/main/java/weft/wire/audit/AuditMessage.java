package weft.wire.audit;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.fabric.VolumeId;
import weft.wire.WireMessage;
import weft.wire.storage.ChunkStamp;

import java.util.List;
import java.util.Optional;

/// A message of the audit protocol.
public sealed interface AuditMessage extends WireMessage {
    /// The most chunks in one [GroupDigest]: each is read from disk to answer.
    int CHUNKS_MAX = 64;

    /// The most layers in one [Space].
    int LAYERS_MAX = 4096;

    /// What do you hold of this group? Answered by [GroupDigest].
    ///
    /// @param after chunks up to this one have been told
    record DigestRequest(PlacementGroupId pg, Optional<ChunkKey> after) implements AuditMessage {}

    /// What a store has applied of a group, in ascending order of chunks.
    ///
    /// @param held whether the store has a replica of the group at all
    /// @param last nothing follows
    record GroupDigest(PlacementGroupId pg, boolean held, List<ChunkDigest> chunks, boolean last)
            implements AuditMessage {
        public GroupDigest {
            chunks = List.copyOf(chunks);
        }
    }

    /// How much do you hold? Answered by [Space].
    ///
    /// @param after layers up to this one have been told
    record SpaceRequest(Optional<VolumeId> after) implements AuditMessage {}

    /// What a store takes of its disk.
    ///
    /// @param usedBytes of chunks and journal
    /// @param freeBytes what writes may still take
    /// @param layers in ascending order, and only of groups whose primary it is: the sum over all
    ///   stores counts each block once
    /// @param last nothing follows
    record Space(
            StoreId store, long usedBytes, long freeBytes, List<LayerSpace> layers, boolean last)
            implements AuditMessage {
        public Space {
            layers = List.copyOf(layers);
        }
    }

    /// The blocks that a layer stores itself, in bytes.
    record LayerSpace(VolumeId layer, long storedBytes) {}

    /// A chunk at a moment.
    ///
    /// @param crc CRC32C over which blocks are mapped and their checksums, which are verified first
    record ChunkDigest(ChunkStamp stamp, int crc) {}
}
