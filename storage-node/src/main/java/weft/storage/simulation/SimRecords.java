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
    /// A process that holds a volume.
    ///
    /// @param since the token by which it came
    record Sharer(SimProcess process, long since) {}

    /// A volume's record and its attachment's, as they were at one moment.
    ///
    /// @param version of the record
    /// @param token of the attachment, 0 before the first
    /// @param sharers the processes that hold it; none if none ever did, or a command
    /// @param exported whether others may hold it together with these
    record Held(
            Volume record,
            int version,
            long token,
            List<Sharer> sharers,
            boolean exported,
            int attachmentVersion) {
        VolumeId id() {
            return record.id();
        }

        /// Whether processes hold it that may not know the token yet, and are not asked.
        boolean isShared() {
            return !sharers.isEmpty() && process() == null;
        }

        /// The only one, if it has the token; else null.
        @Nullable SimProcess process() {
            return sharers.size() == 1 && sharers.getFirst().since() == token
                    ? sharers.getFirst().process()
                    : null;
        }

        boolean isHeldBy(SimProcess process) {
            return sharers.stream().anyMatch(sharer -> sharer.process().equals(process));
        }

        long sessionsFrom() {
            return sharers.stream().mapToLong(Sharer::since).min().orElse(token);
        }

        Held withRecord(Volume other) {
            return new Held(other, version + 1, token, sharers, exported, attachmentVersion);
        }

        Held heldBy(List<Sharer> others, long newToken, boolean areExporters) {
            return new Held(record, version, newToken, others, areExporters, attachmentVersion + 1);
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
                id.value(), _ -> new Held(record(id, List.of(id), id), 0, 0, List.of(), false, 0));
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
            List<Sharer> alone = process == null ? List.of() : List.of(new Sharer(process, token));
            volumes.put(id.value(), held.heldBy(alone, token, false));
        }
        return new SimPool.Attached(held.record, token);
    }

    /// A claim of a process that holds the volume together with those who let it.
    SimPool.Attached share(VolumeId id, SimProcess process) {
        Held held = volume(id);
        List<Sharer> all = new ArrayList<>(held.exported ? held.sharers : List.of());
        all.add(new Sharer(process, held.token + 1));
        Held next = held.heldBy(all, held.token + 1, true);
        volumes.put(id.value(), next);
        world.tell("%s is held by %s, too, with token %d".formatted(id, process.name, next.token));
        return new SimPool.Attached(held.record, next.token);
    }

    /// One of those who hold the volume together goes: the others go on by another token.
    Held leave(VolumeId id, SimProcess process) {
        Held held = volume(id);
        List<Sharer> others =
                held.sharers.stream().filter(one -> !one.process().equals(process)).toList();
        Held next = held.heldBy(others, held.token + 1, true);
        volumes.put(id.value(), next);
        world.tell("%s is not held by %s, with token %d".formatted(id, process.name, next.token));
        return next;
    }

    /// Writes the attachment anew if nobody has: a cut that is not sealed does not survive it.
    boolean touch(Held seen) {
        Held now = volume(seen.id());
        if (now.attachmentVersion != seen.attachmentVersion) {
            return false;
        }
        volumes.put(seen.id().value(), now.heldBy(now.sharers, now.token, now.exported));
        return true;
    }

    /// As [#commit] of new layers; several processes that hold a volume get another token with it.
    boolean commitCut(List<Held> expected, List<Volume> records) {
        if (!commit(expected, records, _ -> true)) {
            return false;
        }
        for (Held held : expected) {
            Held now = volume(held.id());
            if (now.isShared()) {
                volumes.put(
                        held.id().value(), now.heldBy(now.sharers, now.token + 1, now.exported));
            }
        }
        return true;
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
        volumes.put(id.value(), new Held(record, 0, 0, List.of(), false, 0));
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
