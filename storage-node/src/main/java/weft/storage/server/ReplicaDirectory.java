package weft.storage.server;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.runtime.Clock;
import weft.runtime.Loop;
import weft.storage.replica.CopyPace;
import weft.storage.replica.LeaseView;
import weft.storage.replica.RecoveredState;
import weft.storage.replica.Replica;
import weft.storage.replica.ReplicaSettings;
import weft.storage.store.Store;
import weft.transport.Peers;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.Function;

/// Placement group → replica → its loop. Replicas come to life when the store has data of a group
/// or a configuration names the store, and stay until the node stops.
final class ReplicaDirectory implements AutoCloseable {
    private static final Duration TICK = Duration.ofMillis(50);
    private static final Duration REST_TICK = Duration.ofMillis(250);

    private final ReplicaSettings settings;
    private final Member self;
    private final Store store;
    private final LeaseView leases;
    private final CopyPace pace = new CopyPace();
    private final HostedReplica.Surroundings around;
    private final List<Loop> loops = new ArrayList<>();
    private final AtomicLongArray tickedNanos;
    private final Map<PlacementGroupId, HostedReplica> replicas = new ConcurrentHashMap<>();
    private final Map<PlacementGroupId, Configuration> known = new ConcurrentHashMap<>();

    ReplicaDirectory(
            ReplicaSettings settings,
            Store store,
            LeaseView leases,
            Clock clock,
            Peers peers,
            Function<StoreId, Optional<NodeId>> nodes,
            ConfigurationRecords configurations,
            StorageMeters meters,
            int loopCount,
            long payloadBytesMax) {
        this.settings = settings;
        self = store.member();
        this.store = store;
        this.leases = leases;
        around =
                new HostedReplica.Surroundings(
                        self,
                        clock,
                        peers,
                        nodes,
                        configurations,
                        meters,
                        new AtomicLong(),
                        new Intake(payloadBytesMax),
                        new Intake(payloadBytesMax));
        for (int i = 0; i < loopCount; i++) {
            loops.add(Loop.gathering("replicas-%s-%d".formatted(self.store(), i)));
        }
        tickedNanos = new AtomicLongArray(loopCount);
    }

    /// Revives what the store recovered.
    void start() {
        store.groups().forEach(this::host);
        for (int i = 0; i < loops.size(); i++) {
            int number = i;
            tickedNanos.set(i, around.clock().nowNanos());
            loops.get(i).execute(() -> tick(number));
        }
    }

    /// Looks after the loop's groups, and again in a moment. When nothing has happened to any of
    /// them that moment is longer: waking is most of what an idle node costs, and what waits for
    /// time alone (a lease that ends, a silent member) waits for seconds.
    private void tick(int number) {
        Loop loop = loops.get(number);
        tickedNanos.set(number, around.clock().nowNanos());
        boolean busy = false;
        try {
            for (HostedReplica replica : replicas.values()) {
                if (replica.loop() == loop) {
                    busy |= replica.tick();
                }
            }
        } finally {
            var _ = loop.schedule(busy ? TICK : REST_TICK, () -> tick(number));
        }
    }

    /// When the loop that is furthest behind last looked after its groups. Any thread.
    long tickedAtNanos() {
        long earliest = Long.MAX_VALUE;
        for (int i = 0; i < tickedNanos.length(); i++) {
            earliest = Math.min(earliest, tickedNanos.get(i));
        }
        return earliest;
    }

    /// A configuration that the coordination tells of. On the watch's thread, after [#start].
    void onConfiguration(ConfigurationRecords.Recorded recorded) {
        Configuration read = recorded.configuration();
        known.merge(
                read.pg(), read, (old, fresh) -> fresh.version() >= old.version() ? fresh : old);
        boolean named = read.hasStore(self.store()) || read.wanted().contains(self.store());
        HostedReplica replica = replicas.get(read.pg());
        if (replica == null && named) {
            replica = host(read.pg());
        }
        if (replica != null) {
            replica.postConfiguration(recorded);
        }
    }

    private HostedReplica host(PlacementGroupId pg) {
        return replicas.computeIfAbsent(
                pg,
                _ -> {
                    Loop loop = loops.get(pg.value() % loops.size());
                    var hosted = new HostedReplica(pg, loop, around);
                    RecoveredState recovered = store.recovered(pg);
                    hosted.start(
                            events -> store.attach(pg, loop, events),
                            (disk, nowNanos) ->
                                    new Replica(
                                            settings, self, recovered, disk, hosted, leases, pace,
                                            nowNanos));
                    return hosted;
                });
    }

    Optional<HostedReplica> find(PlacementGroupId pg) {
        return Optional.ofNullable(replicas.get(pg));
    }

    Collection<HostedReplica> all() {
        return List.copyOf(replicas.values());
    }

    /// The newest configuration of a group, whoever its members are.
    Optional<Configuration> configurationOf(PlacementGroupId pg) {
        HostedReplica replica = replicas.get(pg);
        Optional<Configuration> newest = replica == null ? Optional.empty() : replica.newest();
        return newest.isPresent() ? newest : Optional.ofNullable(known.get(pg));
    }

    @Override
    public void close() {
        loops.forEach(Loop::close);
    }
}
