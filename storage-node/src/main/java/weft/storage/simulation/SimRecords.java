package weft.storage.simulation;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.sim.SimWorld;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Predicate;

/// The records of volumes and attachments, as the coordination has them: each with the version that
/// a commit expects.
final class SimRecords {
    /// A volume's record and its attachment's, as they were at one moment.
    ///
    /// @param version of the record
    /// @param token of the attachment, 0 before the first
    /// @param process that holds it; null if none ever did, or a command
    record Held(
            Volume record,
            int version,
            long token,
            @Nullable SimProcess process,
            int attachmentVersion) {
        VolumeId id() {
            return record.id();
        }

        Held withRecord(Volume other) {
            return new Held(other, version + 1, token, process, attachmentVersion);
        }
    }

    private final SimWorld world;
    private final long sizeBytes;
    private final TreeMap<Long, Held> volumes = new TreeMap<>();

    SimRecords(SimWorld world, int chunks) {
        this.world = world;
        sizeBytes = (long) chunks * ChunkKey.CHUNK_BYTES;
    }

    Held volume(VolumeId id) {
        return volumes.computeIfAbsent(
                id.value(), _ -> new Held(record(id, List.of(id), id), 0, 0, null, 0));
    }

    private Volume record(VolumeId id, List<VolumeId> layers, VolumeId root) {
        return new Volume(
                id, "volume" + id.value(), sizeBytes, Volume.Access.READ_WRITE, layers, root);
    }

    /// A claim: the record as it is now, by a token of its own.
    SimPool.Attached attach(VolumeId id, long token, @Nullable SimProcess process) {
        Held held = volume(id);
        if (token > held.token) {
            world.tell(
                    "%s is held by %s with token %d"
                            .formatted(id, process == null ? "a command" : process.name, token));
            int version = held.attachmentVersion + 1;
            volumes.put(id.value(), new Held(held.record, held.version, token, process, version));
        }
        return new SimPool.Attached(held.record, token);
    }

    /// The volume as it is after a cut.
    static Volume withNewLayer(Volume record) {
        return record.withChain(record.chain().below(record.chain().top().nextGeneration()));
    }

    Volume addLayer(VolumeId id) {
        Held held = volume(id);
        Held next = held.withRecord(withNewLayer(held.record));
        volumes.put(id.value(), next);
        return next.record;
    }

    /// A new volume that begins as the snapshot is.
    Volume clone(Volume snapshot, VolumeId id) {
        List<VolumeId> layers = new ArrayList<>(snapshot.layers());
        layers.addFirst(id);
        Volume record = record(id, layers, snapshot.placementRoot());
        volumes.put(id.value(), new Held(record, 0, 0, null, 0));
        return record;
    }

    /// Replaces the records of volumes if none was changed since.
    ///
    /// @param expected as they were read
    /// @param attached whose attachments must be as they were, too
    boolean commit(List<Held> expected, List<Volume> records, Predicate<Held> attached) {
        for (Held held : expected) {
            Held now = volume(held.id());
            boolean same =
                    now.version == held.version
                            && (!attached.test(held)
                                    || now.attachmentVersion == held.attachmentVersion);
            if (!same) {
                return false;
            }
        }
        for (Volume record : records) {
            volumes.put(record.id().value(), volume(record.id()).withRecord(record));
        }
        return true;
    }
}
