package weft.ops.pool;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Seat;
import weft.coordination.FabricWatcher;
import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.runtime.BootClock;
import weft.runtime.Pause;

import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Takes back snapshots whose maker died, in one control process at a time.
///
/// It keeps nothing that matters in memory.
public final class SnapshotJanitor implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(SnapshotJanitor.class);
    private static final int PERIOD_MILLIS = 2_000;

    /// Longer than any cut that will still come to its end.
    private static final Duration SEALING_MAX = Duration.ofSeconds(60);

    private final FabricStore store;
    private final FabricWatcher watcher;
    private final Seat seat;
    private final Thread thread;
    private final Map<VolumeId, Long> sealingSinceNanos = new HashMap<>();
    private volatile boolean closing;

    /// @param watcher stays the caller's
    public SnapshotJanitor(NodeId node, FabricStore store, FabricWatcher watcher)
            throws IOException {
        this.store = store;
        this.watcher = watcher;
        seat = store.standForSeat(FabricPaths.JANITOR_SEAT, node.name());
        thread = Thread.ofVirtual().name("snapshot-janitor").unstarted(this::run);
    }

    /// Begins to look and act.
    public void start() {
        thread.start();
    }

    private void run() {
        while (!closing && !Thread.currentThread().isInterrupted()) {
            try {
                if (seat.isHeld()) {
                    takeBackAbandoned(new FabricRecords(store), watcher.image());
                }
            } catch (IOException | RuntimeException e) {
                log.info("abandoned snapshots are looked for later: {}", e.getMessage());
            }
            Pause.millis(PERIOD_MILLIS);
        }
    }

    /// Its maker died, or it would have been sealed or taken back.
    private void takeBackAbandoned(FabricRecords records, FabricImage image) throws IOException {
        Map<VolumeId, Long> still = new HashMap<>();
        long now = BootClock.SYSTEM.nowNanos();
        for (Volume volume : image.volumes().values()) {
            if (volume.access() != Volume.Access.SEALING) {
                continue;
            }
            long since = sealingSinceNanos.getOrDefault(volume.id(), now);
            still.put(volume.id(), since);
            var found = records.find(FabricPaths.volume(volume.name()), Volume.class);
            if (now - since >= SEALING_MAX.toNanos()
                    && found.isPresent()
                    && found.get().noun().equals(volume)) {
                log.warn("snapshot {} was never finished, and is taken back", volume.name());
                var delete =
                        new Change.Delete(FabricPaths.volume(volume.name()), found.get().version());
                var _ = store.commit(List.of(delete));
            }
        }
        sealingSinceNanos.clear();
        sealingSinceNanos.putAll(still);
    }

    @Override
    public void close() {
        closing = true;
        thread.interrupt();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        seat.close();
    }
}
