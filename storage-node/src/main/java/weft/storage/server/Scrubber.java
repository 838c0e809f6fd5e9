package weft.storage.server;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.PlacementGroupId;
import weft.runtime.Clock;
import weft.storage.metadata.MetadataKeys;
import weft.storage.store.Store;
import weft.wire.audit.AuditMessage.LightStatus;
import weft.wire.audit.AuditMessage.ScrubKind;
import weft.wire.audit.AuditMessage.ScrubStatus;

import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/// Looks at what the store has of its groups, in the background and in two ways: [LightScrub]
/// compares the maps of the members of groups that the store leads, [DeepScrub] the data of all of
/// its groups with their checksums.
///
/// ```text
///   the group whose turn is due, or that was asked for ──► LightScrub, or else DeepScrub
///        ▲                                                        │
///        └── done: the time is kept in the metadata ◄─────────────┘
/// ```
///
/// One thread, at a limited rate; one group after the other, but light scrubs that are due come
/// between the chunks of a deep one. The settings are asked for at each step, so new ones are gone
/// by also in the midst of a group.
final class Scrubber implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Scrubber.class);
    private static final long LOOK_MILLIS_MAX = 10_000;

    /// A group and in which way it is looked at.
    private record Turn(ScrubKind kind, HostedReplica replica) {}

    private final Supplier<ScrubSettings> settings;
    private final Store store;
    private final ReplicaDirectory replicas;
    private final LongSupplier epochNanos;
    private final Thread thread;
    private final DeepScrub deep;
    private final LightScrub light;

    // Guarded by this.
    private final ScrubTurns deepTurns;
    private final ScrubTurns lightTurns;
    private boolean closed;

    /// @param settings as they are when they are asked for
    /// @param epochNanos the time of day, by which turns come: it goes on while the node is stopped
    Scrubber(
            Supplier<ScrubSettings> settings,
            Store store,
            ReplicaDirectory replicas,
            StorageMeters meters,
            Clock clock,
            LongSupplier epochNanos) {
        this.settings = settings;
        this.store = store;
        this.replicas = replicas;
        this.epochNanos = epochNanos;
        deep = new DeepScrub(new ScrubPace(settings, clock));
        light = new LightScrub(new ScrubPace(settings, clock), meters);
        deepTurns = new ScrubTurns(store, MetadataKeys::scrubbed);
        lightTurns = new ScrubTurns(store, MetadataKeys::compared);
        thread = Thread.ofPlatform().name("scrub-" + store.id()).daemon().unstarted(this::run);
    }

    private long nowMillis() {
        return TimeUnit.NANOSECONDS.toMillis(epochNanos.getAsLong());
    }

    void start() {
        thread.start();
    }

    /// Has all groups scrubbed now, whenever their turn would be.
    synchronized void askForAll(ScrubKind kind) {
        switch (kind) {
            case NONE -> {}
            case DEEP -> deepTurns.ask(held());
            case LIGHT -> lightTurns.ask(led());
        }
        notifyAll();
    }

    /// The groups whose data are for this store to verify: not what it has given away.
    private List<HostedReplica> held() {
        return replicas.all().stream().filter(replica -> !replica.isDismissed()).toList();
    }

    /// The groups whose maps are for this store to compare.
    private List<HostedReplica> led() {
        return replicas.all().stream().filter(HostedReplica::leads).toList();
    }

    /// How far it is.
    synchronized ScrubStatus status() {
        DeepScrub.Found found = deep.found();
        return new ScrubStatus(
                store.id(),
                store.chunkBytes() - store.spareBytes(),
                deepTurns.due(),
                found.verifiedBytes(),
                found.repairedBlocks(),
                found.lostBlocks(),
                deepTurns.skippedGroups(),
                found.losses(),
                deepTurns.allSinceMillis(held()),
                lightStatus());
    }

    private LightStatus lightStatus() {
        Collection<HostedReplica> led = led();
        Set<PlacementGroupId> groups =
                led.stream().map(HostedReplica::pg).collect(Collectors.toSet());
        LightScrub.Found found = light.found(groups::contains);
        return new LightStatus(
                lightTurns.due(),
                found.comparedChunks(),
                found.differingChunks(),
                lightTurns.skippedGroups(),
                found.differences(),
                lightTurns.allSinceMillis(led));
    }

    private void run() {
        try {
            boolean goesOn = true;
            while (goesOn) {
                goesOn = scrubNext();
            }
        } catch (InterruptedException e) {
            log.debug("{}: scrubbing ends", store.id());
        }
    }

    /// Returns false when this is closed.
    private boolean scrubNext() throws InterruptedException {
        try {
            Turn next = awaitNext();
            if (next == null) {
                return false;
            }
            scrub(next);
        } catch (RuntimeException e) {
            log.error("{}: scrubbing pauses", store.id(), e);
            TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS_MAX);
        }
        return true;
    }

    /// The next group; null when this is closed.
    private synchronized @Nullable Turn awaitNext() throws InterruptedException {
        while (!closed) {
            ScrubSettings now = settings.get();
            Optional<Turn> next = next(now);
            if (next.isPresent()) {
                return next.get();
            }
            long shortest = Math.min(now.period().toMillis(), now.lightPeriod().toMillis());
            wait(Math.clamp(shortest, 1, LOOK_MILLIS_MAX));
        }
        return null;
    }

    /// The light way first: it takes a thousandth of the time.
    private Optional<Turn> next(ScrubSettings now) {
        return nextLight(now)
                .or(() ->
                        deepTurns
                                .next(held(), now.period(), nowMillis())
                                .map(replica -> new Turn(ScrubKind.DEEP, replica)));
    }

    private Optional<Turn> nextLight(ScrubSettings now) {
        return lightTurns
                .next(led(), now.lightPeriod(), nowMillis())
                .map(replica -> new Turn(ScrubKind.LIGHT, replica));
    }

    /// Between two chunks of the deep way, and one group at a time: those that do not answer would
    /// keep it waiting for ever.
    private void scrubLightly() throws InterruptedException {
        Optional<Turn> next;
        synchronized (this) {
            next = nextLight(settings.get());
        }
        if (next.isPresent()) {
            scrub(next.get());
        }
    }

    private void scrub(Turn turn) throws InterruptedException {
        PlacementGroupId pg = turn.replica().pg();
        boolean isLight = turn.kind() == ScrubKind.LIGHT;
        boolean done = false;
        try {
            if (isLight) {
                light.scrub(turn.replica());
            } else {
                deep.scrub(turn.replica(), this::scrubLightly);
            }
            done = true;
        } catch (IOException e) {
            log.info("{} {}: not scrubbed: {}", store.id(), pg, e.getMessage());
        } catch (RuntimeException | AssertionError e) {
            // The other groups are to be scrubbed all the same.
            log.error("{} {}: scrubbing failed", store.id(), pg, e);
        }
        synchronized (this) {
            ScrubTurns turns = isLight ? lightTurns : deepTurns;
            if (done) {
                turns.done(pg, nowMillis());
            } else {
                turns.failed(pg, nowMillis());
            }
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
