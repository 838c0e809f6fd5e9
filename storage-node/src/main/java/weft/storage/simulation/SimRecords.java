package weft.storage.simulation;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.sim.SimWorld;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.TreeMap;

/// The records of volumes, snapshots and attachments, as the coordination has them.
final class SimRecords {
    /// A volume's record and its attachment's.
    static final class Held {
        Volume record;
        int version;
        long token;
        @Nullable SimProcess process;

        Held(Volume record) {
            this.record = record;
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
                id.value(),
                _ ->
                        new Held(
                                new Volume(
                                        id,
                                        "volume" + id.value(),
                                        sizeBytes,
                                        Volume.Access.READ_WRITE,
                                        List.of(id),
                                        id)));
    }

    SimPool.Attached attach(VolumeId id, long token, SimProcess process) {
        Held held = volume(id);
        if (token > held.token) {
            world.tell("%s is held by %s with token %d".formatted(id, process.name, token));
            held.token = token;
            held.process = process;
        }
        return new SimPool.Attached(held.record, token);
    }

    Volume addLayer(VolumeId id) {
        Held held = volume(id);
        List<VolumeId> layers = new ArrayList<>(held.record.layers());
        layers.addFirst(layers.getFirst().nextGeneration());
        held.record = held.record.withLayers(layers);
        held.version++;
        return Objects.requireNonNull(held.record);
    }
}
