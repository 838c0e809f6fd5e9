package weft.storage.simulation;

import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.sim.SimWorld;
import weft.volume.RemoteVolume;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/// What sealed cuts must keep: nothing is committed to their layers any more, they read the same
/// for ever, and what is in them is causally closed ([History#checkCut]).
final class SimSnapshots {
    /// A sealed snapshot.
    ///
    /// @param cells what it held when it was read first
    record Taken(Volume snapshot, Map<Long, Long> cells) {}

    private final SimPool pool;
    private final SimWorld world;
    private final Map<VolumeId, Integer> sealedBelow = new HashMap<>();
    private final List<Taken> taken = new ArrayList<>();
    private int underWay;

    SimSnapshots(SimPool pool) {
        this.pool = pool;
        world = pool.world;
    }

    int count() {
        return taken.size();
    }

    boolean isIdle() {
        return underWay == 0;
    }

    /// A cut was sealed: its snapshots are read and checked.
    ///
    /// @param then gets them as they were read
    void sealed(List<Volume> snapshots, Consumer<List<Taken>> then) {
        List<Taken> cut = new ArrayList<>();
        for (Volume snapshot : snapshots) {
            int above = snapshot.layers().getFirst().generation() + 1;
            sealedBelow.merge(snapshot.id(), above, Math::max);
        }
        read(
                snapshots,
                (snapshot, cells) -> {
                    cut.add(new Taken(snapshot, cells));
                    if (cut.size() == snapshots.size()) {
                        pool.history.checkCut(cut);
                        taken.addAll(cut);
                        then.accept(cut);
                    }
                });
    }

    /// Reads all snapshots once more.
    void checkUnchanged() {
        for (Taken before : List.copyOf(taken)) {
            read(
                    List.of(before.snapshot()),
                    (snapshot, cells) -> {
                        if (!cells.equals(before.cells())) {
                            throw new AssertionError(
                                    "snapshot %s of %s changed from %s to %s"
                                            .formatted(
                                                    snapshot.layers(),
                                                    snapshot.name(),
                                                    before.cells(),
                                                    cells));
                        }
                    });
        }
    }

    /// An entry was committed.
    void committed(Entry entry) {
        if (entry.mutation() instanceof Mutation.OfChunk change) {
            VolumeId top = change.layers().getFirst();
            if (top.generation() < sealedBelow.getOrDefault(top.volume(), 0)) {
                throw new AssertionError(entry + " changes a sealed layer\n" + world.trace());
            }
        }
    }

    private interface Reader {
        void read(Volume snapshot, Map<Long, Long> cells);
    }

    private void read(List<Volume> snapshots, Reader then) {
        var process = new SimProcess(pool, "reader" + pool.freshId());
        int[] open = {snapshots.size()};
        for (Volume snapshot : snapshots) {
            RemoteVolume volume = process.open(snapshot, 0);
            Map<Long, Long> cells = new TreeMap<>();
            int[] left = {pool.chunks()};
            underWay++;
            for (int chunk = 0; chunk < pool.chunks(); chunk++) {
                long first = SimClient.firstHotCell(chunk);
                int count = SimClient.hotCells(chunk);
                ByteBuffer into = ByteBuffer.allocate(count * History.CELL_BYTES);
                ByteBuffer seen = into.duplicate();
                var _ =
                        volume.read(first * History.CELL_BYTES, into)
                                .whenComplete((_, failure) ->
                                        process.later(
                                                Duration.ZERO,
                                                () -> {
                                                    if (failure != null) {
                                                        throw new AssertionError(
                                                                "a snapshot is gone", failure);
                                                    }
                                                    long[] values =
                                                            SimClient.values(seen, snapshot);
                                                    for (int i = 0; i < values.length; i++) {
                                                        cells.put(first + i, values[i]);
                                                    }
                                                    left[0]--;
                                                    if (left[0] == 0) {
                                                        underWay--;
                                                        open[0]--;
                                                        then.read(snapshot, cells);
                                                    }
                                                    if (open[0] == 0) {
                                                        process.end();
                                                    }
                                                }));
            }
        }
    }
}
