package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.fabric.Volume;
import weft.ops.cli.ModelVolume.Range;
import weft.ops.pool.ConsistentCut;
import weft.ops.pool.PoolSession;
import weft.volume.BlockVolume;
import weft.volume.RemoteVolume;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/// Snapshots of volumes at one instant, of which some are being written: what the snapshots must
/// hold follows from when each write was begun.
final class CutUnderWrites {
    private static final int CHUNK = ModelVolume.CHUNK;
    private static final int ANSWER_SECONDS = 60;

    /// A write of a volume that is open; no two of one volume touch.
    ///
    /// @param isBefore whether it is begun before the cut, so that the cut has it; else while it is
    ///   made
    record Write(ModelVolume volume, Range range, byte[] bytes, boolean isBefore) {
        CompletableFuture<Void> begin() {
            RemoteVolume open = Objects.requireNonNull(volume.open);
            return open.write(range.start(), ByteBuffer.wrap(bytes));
        }

        byte[] bytesOf(Range part) {
            int at = part.start() - range.start();
            return Arrays.copyOfRange(bytes, at, at + part.length());
        }
    }

    private final FabricRecords records;
    private final PoolSession pool;
    private final ConsistentCut cut;
    private final List<ModelVolume> volumes;
    private final List<Write> writes;

    CutUnderWrites(
            FabricSession session,
            PoolSession pool,
            List<ModelVolume> volumes,
            List<Write> writes) {
        records = session.records();
        this.pool = pool;
        this.volumes = volumes;
        this.writes = writes;
        cut = new ConsistentCut(pool, records, session::image);
    }

    /// Makes the cut and the writes; answers what the snapshots hold.
    List<ModelVolume> take(String suffix) throws Exception {
        List<CompletableFuture<Void>> answers = new ArrayList<>();
        writes.stream().filter(Write::isBefore).forEach(write -> answers.add(write.begin()));
        CompletableFuture<List<Volume>> made = CompletableFuture.supplyAsync(() -> make(suffix));
        writes.stream().filter(w -> !w.isBefore()).forEach(write -> answers.add(write.begin()));
        assertEquals(volumes.size(), made.get(ANSWER_SECONDS, TimeUnit.SECONDS).size());
        for (CompletableFuture<Void> answer : answers) {
            answer.get(ANSWER_SECONDS, TimeUnit.SECONDS);
        }
        List<ModelVolume> snapshots = new ArrayList<>();
        for (ModelVolume volume : volumes) {
            snapshots.add(snapshotOf(volume, Volume.snapshotName(volume.name, suffix)));
        }
        return snapshots;
    }

    private List<Volume> make(String suffix) {
        try {
            return cut.take(
                    volumes.stream().map(v -> new ConsistentCut.Snapshot(v.name, suffix)).toList(),
                    false);
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /// All of the writes from before; of the others any part that lies in one chunk, as a whole or
    /// not at all.
    private ModelVolume snapshotOf(ModelVolume volume, String name) throws Exception {
        ModelVolume snapshot = volume.snapshot(name);
        Volume record = records.find(FabricPaths.volume(name), Volume.class).orElseThrow().noun();
        try (BlockVolume open = pool.client().openReadOnly(record)) {
            for (Write write : writes) {
                if (write.volume() == volume) {
                    volume.put(write.range().start(), write.bytes());
                    for (Range part : chunksOf(write.range())) {
                        ByteBuffer found = ByteBuffer.allocate(part.length());
                        open.read(part.start(), found).get(ANSWER_SECONDS, TimeUnit.SECONDS);
                        if (write.isBefore() || !snapshot.has(part, found.array())) {
                            snapshot.put(part.start(), write.bytesOf(part));
                        }
                        snapshot.check(part, found.array(), "after " + write.range());
                    }
                }
            }
        }
        return snapshot;
    }

    private static List<Range> chunksOf(Range range) {
        var parts = new ArrayList<Range>();
        for (int at = range.start(); at < range.end(); ) {
            int end = Math.min(range.end(), (at / CHUNK + 1) * CHUNK);
            parts.add(new Range(at, end));
            at = end;
        }
        return parts;
    }
}
