package weft.wire.audit;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.wire.WireMessage;
import weft.wire.storage.ChunkStamp;

import java.util.List;
import java.util.Optional;

/// A message of the audit protocol.
public sealed interface AuditMessage extends WireMessage {
    /// The most chunks in one [GroupDigest]: each is read from disk to answer.
    int CHUNKS_MAX = 64;

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

    /// A chunk at a moment.
    ///
    /// @param crc CRC32C over which blocks are mapped and their checksums, which are verified first
    record ChunkDigest(ChunkStamp stamp, int crc) {}
}
