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

    /// The most losses, and the most differences, in one [ScrubStatus].
    int LOSSES_MAX = 16;

    /// The longest of them, in bytes.
    int LOSS_BYTES_MAX = 1024;

    /// What is to be scrubbed now, whosever turn it is.
    enum ScrubKind {
        /// Nothing: only say how far it is.
        NONE,
        /// The data of all groups, on the disks.
        DEEP,
        /// What the maps of all members say, of the groups that the store is primary of.
        LIGHT
    }

    /// How far is scrubbing? Answered by [ScrubStatus].
    ///
    /// @param begin what is to be begun now
    record ScrubRequest(StoreId store, ScrubKind begin) implements Question {}

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
    /// @param verifiedMillis since when, in Unix milliseconds, all groups were verified at least
    ///   once; 0 if some never was
    /// @param light what became of comparing maps
    record ScrubStatus(
            StoreId store,
            long chunkBytes,
            int dueGroups,
            long verifiedBytes,
            long repairedBlocks,
            long lostBlocks,
            long skippedGroups,
            List<String> losses,
            long verifiedMillis,
            LightStatus light)
            implements AuditMessage {
        public ScrubStatus {
            losses = List.copyOf(losses);
        }
    }

    /// The same of light scrubs, of the groups that the store is primary of.
    ///
    /// @param dueGroups groups that were asked for and are not done, and the one that it is at
    /// @param comparedChunks whose maps all members told of; each counted once
    /// @param differingChunks as the last comparison of each group found them
    /// @param skippedGroups that could not be compared: a member did not answer, or another store
    ///   became primary
    /// @param differences the first of what differs, for people
    /// @param comparedMillis as `verifiedMillis`
    record LightStatus(
            int dueGroups,
            long comparedChunks,
            long differingChunks,
            long skippedGroups,
            List<String> differences,
            long comparedMillis) {
        public static final LightStatus NOTHING = new LightStatus(0, 0, 0, 0, List.of(), 0);

        public LightStatus {
            differences = List.copyOf(differences);
        }
    }

    /// A chunk at a moment.
    ///
    /// @param crc CRC32C over which blocks are mapped and their checksums, which are verified first
    record ChunkDigest(ChunkStamp stamp, int crc) {}
}
