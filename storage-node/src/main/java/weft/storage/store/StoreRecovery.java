package weft.storage.store;

import weft.fabric.PlacementGroupId;
import weft.storage.chunk.ChunkLimits;
import weft.storage.chunk.ChunkStore;
import weft.storage.disk.Disk;
import weft.storage.disk.StoreIdentity;
import weft.storage.journal.JournalRecord;
import weft.storage.journal.JournalRecordCodec;
import weft.storage.metadata.MetadataKeys;
import weft.storage.metadata.MetadataStore;
import weft.wire.MalformedMessage;
import weft.wire.WireReader;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.TreeMap;

/// What a store finds when it starts: saved states and stamps from the metadata, then the journal's
/// records on top.
final class StoreRecovery {
    private final Disk disk;
    private final StoreIdentity identity;
    private final MetadataStore metadata;
    private final ChunkLimits limits;
    private final Map<PlacementGroupId, FoundGroup> groups = new TreeMap<>();

    /// A group being recovered.
    record FoundGroup(GroupState saved, GroupRecovery recovery, ChunkStore chunks) {}

    StoreRecovery(Disk disk, StoreIdentity identity, MetadataStore metadata, ChunkLimits limits) {
        this.disk = disk;
        this.identity = identity;
        this.metadata = metadata;
        this.limits = limits;
    }

    /// The journal's first needed segment; 1 for a new store.
    long journalStart() throws IOException {
        byte[] start = metadata.get(MetadataKeys.JOURNAL_START);
        return start == null ? 1 : ByteBuffer.wrap(start).getLong();
    }

    /// Reads the saved states and stamps.
    void readMetadata() throws IOException {
        metadata.scan(
                MetadataKeys.GROUPS,
                (key, value) -> add(MetadataKeys.groupOf(key), GroupState.decode(value)));
        metadata.scan(
                MetadataKeys.STAMPS,
                (key, value) ->
                        group(MetadataKeys.groupOf(key))
                                .chunks()
                                .recover(MetadataKeys.chunkOf(key), value));
    }

    private FoundGroup add(PlacementGroupId pg, GroupState saved) throws IOException {
        var found =
                new FoundGroup(
                        saved,
                        new GroupRecovery(saved),
                        new ChunkStore(pg, disk, identity, metadata, limits));
        groups.put(pg, found);
        return found;
    }

    private FoundGroup group(PlacementGroupId pg) throws IOException {
        FoundGroup known = groups.get(pg);
        return known != null ? known : add(pg, GroupState.empty());
    }

    /// Takes the next record of the journal.
    void record(byte[] bytes, long segmentEpoch) throws IOException {
        try {
            var in = new WireReader(bytes);
            long ordinal = in.readLong();
            JournalRecord record = JournalRecordCodec.get(in);
            group(record.pg()).recovery().record(ordinal, record, segmentEpoch);
        } catch (MalformedMessage e) {
            // Its checksum was right: another version of us wrote it.
            throw new IOException("a journal record that this node cannot read", e);
        }
    }

    /// Ends the recovery of files: those that nothing names are deleted.
    Map<PlacementGroupId, FoundGroup> finish() throws IOException {
        for (String folder : disk.list(Store.CHUNKS_FOLDER)) {
            if (folder.matches("\\d{1,5}")) {
                group(new PlacementGroupId(Integer.parseInt(folder)));
            }
        }
        for (FoundGroup found : groups.values()) {
            found.chunks().deleteOrphans();
            if (found.recovery().chunksAreVoid()) {
                found.chunks().deleteAll();
            }
        }
        return groups;
    }
}
