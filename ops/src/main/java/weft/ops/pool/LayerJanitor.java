package weft.ops.pool;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Seat;
import weft.coordination.FabricWatcher;
import weft.fabric.Attachment;
import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.ops.admin.Refusal;
import weft.runtime.BootClock;
import weft.runtime.Pause;
import weft.volume.PoolSpace;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Looks after layers in the background, in one control process at a time: merges those that no
/// snapshot needs any more, takes back snapshots whose maker died, gives back what shrunken volumes
/// had beyond their ends, and flattens volumes.
///
/// The seat is a hint: what is done in a [MaintenanceTurn] holds when several are at it, and one of
/// them was asleep. It keeps nothing that matters in memory.
public final class LayerJanitor implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(LayerJanitor.class);
    private static final int PERIOD_MILLIS = 2_000;

    /// The picture of the records has caught up by then.
    private static final int PICTURE_MILLIS = 100;

    /// Longer than any cut that will still come to its end.
    private static final Duration SEALING_MAX = Duration.ofSeconds(60);

    /// A top layer is sealed, so that it can be merged, when it hides so much of the one below: a
    /// deleted snapshot's space comes back, for at most four copied bytes for each that was
    /// written.
    private static final long HIDDEN_BYTES_MIN = 16 << 20;

    private static final int HIDDEN_PART = 4;

    /// All storage nodes are asked for it.
    private static final Duration SPACE_PERIOD = Duration.ofSeconds(20);

    private final FabricStore store;
    private final FabricWatcher watcher;
    private final Seat seat;
    private final Thread thread;
    private final Map<VolumeId, Long> sealingSinceNanos = new HashMap<>();
    private final Map<VolumeId, Long> filled = new HashMap<>();
    private final LayerTrim trim = new LayerTrim();
    private int rounds;
    private long askedNanos = BootClock.SYSTEM.nowNanos() - SPACE_PERIOD.toNanos();
    private volatile boolean closing;

    /// @param watcher stays the caller's
    public LayerJanitor(NodeId node, FabricStore store, FabricWatcher watcher) throws IOException {
        this.store = store;
        this.watcher = watcher;
        seat = store.standForSeat(FabricPaths.JANITOR_SEAT, node.name());
        thread = Thread.ofVirtual().name("layer-janitor").unstarted(this::run);
    }

    /// Begins to look and act.
    public void start() {
        thread.start();
    }

    private void run() {
        while (!closing && !Thread.currentThread().isInterrupted()) {
            try {
                boolean isMine = seat.isHeld() && watcher.image().cluster().isPresent();
                Pause.millis(isMine && tidy() ? PICTURE_MILLIS : PERIOD_MILLIS);
                continue;
            } catch (IOException | RuntimeException e) {
                log.info("layers are not merged now, and later: {}", e.getMessage());
            } catch (InterruptedException e) {
                return;
            }
            Pause.millis(PERIOD_MILLIS);
        }
    }

    /// Returns whether there may be more to do.
    private boolean tidy() throws IOException, InterruptedException {
        var records = new FabricRecords(store);
        takeBackAbandoned(records, watcher.image());
        Collection<Volume> volumes = watcher.image().volumes().values();
        boolean isUnderWay =
                records.find(FabricPaths.MERGE, LayerMerge.Intent.class)
                        .filter(found -> !found.noun().isNone())
                        .isPresent();
        List<LayerMerge.Pair> open = LayerMerge.openPairs(volumes);
        boolean isMergeWanted = isUnderWay || LayerMerge.isWanted(volumes);
        boolean isTrimWanted = trim.isWanted(volumes);
        Optional<Volume> flattening = nextToFlatten(records, volumes);
        boolean mayAsk = BootClock.SYSTEM.nowNanos() - askedNanos >= SPACE_PERIOD.toNanos();
        boolean mayMore = false;
        if (!isMergeWanted
                && !isTrimWanted
                && flattening.isEmpty()
                && (open.isEmpty() || !mayAsk)) {
            return false;
        }
        try (var session = new PoolSession(store, watcher::image)) {
            if (isMergeWanted) {
                mayMore = new LayerMerge(records, session.client()).mergeNext();
            }
            if (isTrimWanted) {
                trim.trimNext(records, session.client());
            }
            if (flattening.isPresent()) {
                mayMore |= flatten(records, session, flattening.get());
            }
            if (mayAsk && !mayMore && !open.isEmpty()) {
                sealOne(records, session, open);
            }
        }
        return mayMore;
    }

    /// One after the other, so that one that cannot go on keeps no other waiting.
    private Optional<Volume> nextToFlatten(FabricRecords records, Collection<Volume> volumes)
            throws IOException {
        List<Volume> waiting = new ArrayList<>();
        for (Volume volume : volumes) {
            if (volume.flattening() != null && !isCommands(records, volume)) {
                waiting.add(volume);
            }
        }
        filled.keySet().retainAll(waiting.stream().map(Volume::flattening).toList());
        return waiting.isEmpty()
                ? Optional.empty()
                : Optional.of(waiting.get(rounds++ % waiting.size()));
    }

    private boolean flatten(FabricRecords records, PoolSession session, Volume volume)
            throws IOException, InterruptedException {
        try {
            return new Flattening(session, records, watcher::image, filled).goOn(volume.name());
        } catch (Refusal e) {
            log.info("volume {} is not flattened yet: {}", volume.name(), e.getMessage());
            return false;
        }
    }

    private void sealOne(FabricRecords records, PoolSession session, List<LayerMerge.Pair> open)
            throws IOException, InterruptedException {
        askedNanos = BootClock.SYSTEM.nowNanos();
        PoolSpace.Result space = session.client().space().ask();
        for (LayerMerge.Pair pair : open) {
            long top = space.layers().getOrDefault(pair.upper(), 0L);
            long below = space.layers().getOrDefault(pair.lower(), 0L);
            if (space.silent().isEmpty()
                    && top >= Math.max(HIDDEN_BYTES_MIN, below / HIDDEN_PART)
                    && !isCommands(records, pair.volume())) {
                try {
                    var _ =
                            new ConsistentCut(session, records, watcher::image)
                                    .seal(pair.volume().name());
                } catch (Refusal e) {
                    log.info("volume {}: {}", pair.volume().name(), e.getMessage());
                }
                return;
            }
        }
    }

    /// A cut would take the volume away from a command that writes it.
    private static boolean isCommands(FabricRecords records, Volume volume) throws IOException {
        return records.find(FabricPaths.attachment(volume.id()), Attachment.class)
                .filter(held -> held.noun().isOfCommand())
                .isPresent();
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
