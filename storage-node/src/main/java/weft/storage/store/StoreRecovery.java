package weft.storage.store;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.PlacementGroupId;
import weft.storage.chunk.ChunkLimits;
import weft.storage.chunk.ChunkStore;
import weft.storage.chunk.FilePlace;
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
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// What a store finds when it starts: saved states and stamps from the metadata, then the journal's
/// records on top.
final class StoreRecovery {
    private static final Logger log = LoggerFactory.getLogger(StoreRecovery.class);

    private final Disk disk;
    private final StoreLife life;
    private final StoreIdentity identity;
    private final MetadataStore metadata;
    private final ChunkLimits limits;
    private final Map<PlacementGroupId, FoundGroup> groups = new TreeMap<>();

    /// A group being recovered.
    record FoundGroup(GroupState saved, GroupRecovery recovery, ChunkStore chunks) {}

    StoreRecovery(Disk disk, StoreLife life, MetadataStore metadata, ChunkLimits limits) {
        this.disk = disk;
        this.life = life;
        identity = life.identity();
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
            if (ordinal == StoreLife.NOTE_ORDINAL) {
                life.readNote(in);
                return;
            }
            JournalRecord record = JournalRecordCodec.get(in);
            group(record.pg()).recovery().record(ordinal, record, segmentEpoch);
        } catch (MalformedMessage e) {
            // Its checksum was right: another version of us wrote it.
            throw new IOException("a journal record that this node cannot read", e);
        }
    }

    /// Ends the recovery of the journal and of files: those that nothing names are deleted, the
    /// places of large writes are kept.
    Map<PlacementGroupId, FoundGroup> finish() throws IOException {
        for (String folder : disk.list(Store.CHUNKS_FOLDER)) {
            if (folder.matches("\\d{1,5}")) {
                group(new PlacementGroupId(Integer.parseInt(folder)));
            }
        }
        for (var entry : groups.entrySet()) {
            FoundGroup found = entry.getValue();
            int dropped = found.recovery().close();
            if (dropped > 0) {
                log.info(
                        "store {} {}: {} entries behind a gap are void",
                        identity.store(),
                        entry.getKey(),
                        dropped);
            }
            List<FilePlace> places = placesOf(found.recovery());
            found.chunks().deleteOrphans(places);
            if (found.recovery().chunksAreVoid()) {
                found.chunks().deleteAll();
            }
            places.forEach(found.chunks()::recoverPlace);
        }
        return groups;
    }

    private static List<FilePlace> placesOf(GroupRecovery recovery) {
        List<FilePlace> places = new ArrayList<>();
        for (GroupRecovery.Found found : recovery.prepared()) {
            if (found.record() instanceof JournalRecord.Placed placed) {
                places.add(placeOf(placed));
            }
        }
        return places;
    }

    /// Where the record says that its blocks are.
    static FilePlace placeOf(JournalRecord.Placed placed) {
        return new FilePlace(
                placed.chunk(), placed.generation(), placed.fileBlock(), placed.blocks());
    }
}
