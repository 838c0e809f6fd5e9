package weft.storage.server;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.runtime.Clock;
import weft.storage.disk.Disk;
import weft.storage.replica.RepairOutcome;
import weft.storage.store.Store;
import weft.wire.audit.AuditMessage;
import weft.wire.audit.AuditMessage.ScrubStatus;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;

/// Reads what the store has of its groups, in the background, and compares it with its checksums: a
/// medium that decays is noticed while the other copies are good. Every replica looks at its own
/// copy, on the device and not in the page cache; a damaged block is replaced from another member
/// ([weft.storage.replica.BlockRepairs]).
///
/// ```text
///   the group whose turn is due, or that was asked for ──► its chunks, ascending ──► runs of blocks
///        ▲                                                        a block without its checksum:
///        └── verified: the time is kept in the metadata           looked at again, then repaired
/// ```
///
/// One thread, one group at a time, at a limited rate; a group's lock is held for 256 KiB at a
/// time.
final class Scrubber implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Scrubber.class);
    private static final int SCRATCH_BYTES = 64 * ChunkKey.BLOCK_BYTES;
    private static final int ANSWER_SECONDS_MAX = 60;
    private static final int ATTEMPTS_MAX = 5;
    private static final int ATTEMPT_MILLIS = 500;
    private static final long LOOK_MILLIS_MAX = 10_000;

    /// A group whose scrubbing did not get through is left alone for so long, or for a period.
    private static final long AGAIN_MILLIS_MAX = 600_000;

    private final ScrubSettings settings;
    private final Store store;
    private final ReplicaDirectory replicas;
    private final Clock clock;
    private final LongSupplier epochNanos;
    private final Thread thread;

    // Guarded by this.
    private final Set<PlacementGroupId> asked = new LinkedHashSet<>();
    private final Map<PlacementGroupId, Long> scrubbedMillis = new HashMap<>();
    private final Map<PlacementGroupId, Long> failedMillis = new HashMap<>();
    private final List<String> losses = new ArrayList<>();
    private @Nullable PlacementGroupId current;
    private long verifiedBytes;
    private long repairedBlocks;
    private long lostBlocks;
    private long skippedGroups;
    private boolean closed;

    // The thread's own.
    private ByteBuffer scratch = newScratch();
    private long pausedUntilNanos;

    /// @param epochNanos the time of day, by which turns come: it goes on while the node is stopped
    Scrubber(
            ScrubSettings settings,
            Store store,
            ReplicaDirectory replicas,
            Clock clock,
            LongSupplier epochNanos) {
        this.settings = settings;
        this.store = store;
        this.replicas = replicas;
        this.clock = clock;
        this.epochNanos = epochNanos;
        thread = Thread.ofPlatform().name("scrub-" + store.id()).daemon().unstarted(this::run);
    }

    private long nowMillis() {
        return TimeUnit.NANOSECONDS.toMillis(epochNanos.getAsLong());
    }

    private static ByteBuffer newScratch() {
        return ByteBuffer.allocateDirect(SCRATCH_BYTES + Disk.ALIGNMENT_BYTES)
                .alignedSlice(Disk.ALIGNMENT_BYTES)
                .slice(0, SCRATCH_BYTES);
    }

    void start() {
        thread.start();
    }

    /// Has all groups scrubbed now, whenever their turn would be.
    synchronized void askForAll() {
        replicas.all().forEach(replica -> asked.add(replica.pg()));
        notifyAll();
    }

    /// How far it is.
    synchronized ScrubStatus status() {
        int due = asked.size() + (current == null || asked.contains(current) ? 0 : 1);
        return new ScrubStatus(
                store.id(),
                store.chunkBytes(),
                due,
                verifiedBytes,
                repairedBlocks,
                lostBlocks,
                skippedGroups,
                losses);
    }

    private void run() {
        try {
            while (true) {
                HostedReplica next = awaitNext();
                if (next == null) {
                    return;
                }
                scrub(next);
            }
        } catch (InterruptedException e) {
            log.debug("{}: scrubbing ends", store.id());
        }
    }

    /// The next group; null when this is closed.
    private synchronized @Nullable HostedReplica awaitNext() throws InterruptedException {
        while (!closed) {
            Optional<HostedReplica> next = next();
            if (next.isPresent()) {
                current = next.get().pg();
                return next.get();
            }
            wait(Math.min(LOOK_MILLIS_MAX, settings.period().toMillis()));
        }
        return null;
    }

    private Optional<HostedReplica> next() {
        long now = nowMillis();
        return replicas.all().stream()
                .filter(replica -> asked.contains(replica.pg()) || isDue(replica.pg(), now))
                .min(
                        Comparator.comparing((HostedReplica r) -> !asked.contains(r.pg()))
                                .thenComparing(r -> lastMillis(r.pg())));
    }

    private boolean isDue(PlacementGroupId pg, long now) {
        long period = settings.period().toMillis();
        long again = Math.min(AGAIN_MILLIS_MAX, period);
        return now - failedMillis.getOrDefault(pg, 0L) >= again && now - lastMillis(pg) >= period;
    }

    /// A group that is new here is due a period from now.
    private long lastMillis(PlacementGroupId pg) {
        return scrubbedMillis.computeIfAbsent(
                pg,
                _ -> {
                    try {
                        long known = store.scrubbedMillis(pg);
                        return known == 0 ? begun(pg) : known;
                    } catch (IOException e) {
                        log.warn("{} {}: {}", store.id(), pg, e.getMessage());
                        return nowMillis();
                    }
                });
    }

    private long begun(PlacementGroupId pg) throws IOException {
        long now = nowMillis();
        store.noteScrubbed(pg, now);
        return now;
    }

    private void scrub(HostedReplica replica) throws InterruptedException {
        PlacementGroupId pg = replica.pg();
        boolean done = false;
        try {
            patiently(() -> scrubbable(replica));
            scrubChunks(replica);
            store.noteScrubbed(pg, nowMillis());
            done = true;
        } catch (IOException e) {
            log.info("{} {}: not scrubbed: {}", store.id(), pg, e.getMessage());
        } catch (RuntimeException | AssertionError e) {
            // The other groups are to be scrubbed all the same.
            log.error("{} {}: scrubbing failed", store.id(), pg, e);
        }
        synchronized (this) {
            asked.remove(pg);
            current = null;
            (done ? scrubbedMillis : failedMillis).put(pg, nowMillis());
            skippedGroups += done ? 0 : 1;
        }
    }

    private static HostedReplica scrubbable(HostedReplica replica)
            throws IOException, InterruptedException {
        if (!answer(replica.isMember())) {
            throw new IOException("not a member in sync");
        }
        return replica;
    }

    /// One step of a group's scrubbing.
    @FunctionalInterface
    private interface Step<T> {
        T take() throws IOException, InterruptedException;
    }

    /// A configuration that changes ends repairs, and questions may be too many: both pass.
    private static <T> T patiently(Step<T> step) throws IOException, InterruptedException {
        for (int attempt = 1; attempt < ATTEMPTS_MAX; attempt++) {
            try {
                return step.take();
            } catch (IOException e) {
                log.debug("attempt {}: {}", attempt, e.getMessage());
                TimeUnit.MILLISECONDS.sleep(ATTEMPT_MILLIS);
            }
        }
        return step.take();
    }

    private void scrubChunks(HostedReplica replica) throws IOException, InterruptedException {
        Optional<ChunkKey> after = Optional.empty();
        boolean last = false;
        while (!last) {
            Optional<ChunkKey> reached = after;
            DiskQuestions.ChunkPage page = patiently(() -> answer(replica.chunks(reached)));
            for (ChunkStamp stamp : page.stamps()) {
                scrubChunk(replica, stamp.key());
                after = Optional.of(stamp.key());
            }
            last = page.last() || page.stamps().isEmpty();
        }
    }

    private void scrubChunk(HostedReplica replica, ChunkKey key)
            throws IOException, InterruptedException {
        int block = 0;
        while (block < ChunkKey.CHUNK_BLOCKS) {
            int from = block;
            DiskQuestions.Verified found = patiently(() -> look(replica, key, from));
            long bytes = (long) found.blocks() * ChunkKey.BLOCK_BYTES;
            synchronized (this) {
                verifiedBytes += bytes;
            }
            for (DamagedBlock damaged : found.damaged()) {
                repair(replica, damaged);
            }
            pause(bytes);
            block = found.nextBlock();
        }
    }

    private DiskQuestions.Verified look(HostedReplica replica, ChunkKey key, int block)
            throws IOException, InterruptedException {
        try {
            return answer(replica.verify(key, block, scratch));
        } catch (IOException e) {
            // The answer may still come, and bring bytes.
            scratch = newScratch();
            throw e;
        }
    }

    private void repair(HostedReplica replica, DamagedBlock block)
            throws IOException, InterruptedException {
        if (isGood(replica, block)) {
            return; // Written meanwhile.
        }
        RepairOutcome outcome = patiently(() -> repairOnce(replica, block));
        synchronized (this) {
            switch (outcome) {
                case REPAIRED -> repairedBlocks++;
                case LOST -> {
                    lostBlocks++;
                    if (losses.size() < AuditMessage.LOSSES_MAX) {
                        losses.add(replica.pg() + ": " + block);
                    }
                }
                case NOT_NOW -> throw new IllegalStateException("after patience");
            }
        }
    }

    /// A role that ends after the copy was written does not tell: then the block is good.
    private RepairOutcome repairOnce(HostedReplica replica, DamagedBlock block)
            throws IOException, InterruptedException {
        RepairOutcome outcome = answer(replica.repair(block));
        if (outcome != RepairOutcome.NOT_NOW) {
            return outcome;
        }
        if (isGood(replica, block)) {
            return RepairOutcome.REPAIRED;
        }
        throw new IOException(block + " could not be repaired now");
    }

    private boolean isGood(HostedReplica replica, DamagedBlock block)
            throws IOException, InterruptedException {
        DiskQuestions.Verified found =
                patiently(() -> look(replica, block.key(), block.blockIndex()));
        return !found.damaged().contains(block);
    }

    private void pause(long bytes) throws InterruptedException {
        long now = clock.nowNanos();
        long nanos = bytes * TimeUnit.SECONDS.toNanos(1) / settings.bytesPerSecond();
        pausedUntilNanos = Math.max(now, pausedUntilNanos) + nanos;
        TimeUnit.NANOSECONDS.sleep(pausedUntilNanos - now);
    }

    private static <T> T answer(CompletableFuture<T> asked)
            throws IOException, InterruptedException {
        try {
            return asked.get(ANSWER_SECONDS_MAX, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new IOException(String.valueOf(e.getCause()), e);
        } catch (TimeoutException e) {
            throw new IOException("no answer in " + ANSWER_SECONDS_MAX + " s", e);
        }
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        thread.interrupt();
        try {
            thread.join(TimeUnit.SECONDS.toMillis(10));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
