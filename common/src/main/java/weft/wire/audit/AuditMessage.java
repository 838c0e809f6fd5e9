package weft.wire.audit;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.fabric.VolumeId;
import weft.wire.WireMessage;
import weft.wire.storage.ChunkStamp;

import java.util.List;
import java.util.Optional;

/// A message of the audit protocol. Each question is to one store of the node that is asked.
public sealed interface AuditMessage extends WireMessage {
    /// The most chunks in one [GroupDigest]: each is read from disk to answer.
    int CHUNKS_MAX = 64;

    /// The most layers in one [Space].
    int LAYERS_MAX = 4096;

    /// What is asked.
    sealed interface Question extends AuditMessage {
        /// The store that is asked.
        StoreId store();
    }

    /// What do you hold of this group? Answered by [GroupDigest].
    ///
    /// @param after chunks up to this one have been told
    record DigestRequest(StoreId store, PlacementGroupId pg, Optional<ChunkKey> after)
            implements Question {}

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
    record SpaceRequest(StoreId store, Optional<VolumeId> after) implements Question {}

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

    /// The most findings in one [ScrubStatus].
    int LOSSES_MAX = 16;

    /// How far is scrubbing? Answered by [ScrubStatus].
    ///
    /// @param now whether all groups are to be scrubbed now
    record ScrubRequest(StoreId store, boolean now) implements Question {}

    /// What a store's scrubber has done since its start.
    ///
    /// @param chunkBytes what there is to verify
    /// @param dueGroups groups that were asked for and are not done, and the one that it is at
    /// @param verifiedBytes compared with their checksums
    /// @param repairedBlocks damaged here, and replaced from another member
    /// @param lostBlocks damaged on all members; one that stays so is counted each time
    /// @param skippedGroups that could not be scrubbed: their copies here were not in sync, or did
    ///   not answer
    /// @param losses the first of what was lost, for people
    record ScrubStatus(
            StoreId store,
            long chunkBytes,
            int dueGroups,
            long verifiedBytes,
            long repairedBlocks,
            long lostBlocks,
            long skippedGroups,
            List<String> losses)
            implements AuditMessage {
        public ScrubStatus {
            losses = List.copyOf(losses);
        }
    }

    /// A chunk at a moment.
    ///
    /// @param crc CRC32C over which blocks are mapped and their checksums, which are verified first
    record ChunkDigest(ChunkStamp stamp, int crc) {}
}
