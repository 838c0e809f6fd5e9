package weft.storage.simulation;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.Placement;
import weft.fabric.PlacementGroupId;
import weft.fabric.Volume;
import weft.transport.Caller;
import weft.transport.Handshake;
import weft.transport.Role;
import weft.volume.OpenVolumes;
import weft.volume.PoolAccess;
import weft.volume.PoolMeters;
import weft.volume.RemoteVolume;
import weft.wire.WireMessage;
import weft.wire.holder.HolderMessage;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/// A process that has volumes open: the production client ([RemoteVolume]) and holder
/// ([OpenVolumes]) on virtual time, until it dies.
final class SimProcess implements PoolAccess {
    private static final PoolMeters METERS = new PoolMeters(new SimpleMeterRegistry());
    private static final long TICK_NANOS = 100_000_000;

    final String name;
    private final SimPool pool;
    private final OpenVolumes holds;
    private final Map<PlacementGroupId, Configuration> configurations = new HashMap<>();
    private final List<RemoteVolume> volumes = new ArrayList<>();
    private boolean dead;

    SimProcess(SimPool pool, String name) {
        this.pool = pool;
        this.name = name;
        holds = new OpenVolumes(this::later);
        tick();
    }

    /// Opens a volume for writing, or for reading only if there is no token.
    RemoteVolume open(Volume record, long token) {
        RemoteVolume volume = openUnasked(record, token);
        if (token != 0) {
            holds.opened(volume);
        }
        return volume;
    }

    /// The same, but nobody can ask the process about it.
    RemoteVolume openUnasked(Volume record, long token) {
        var volume =
                new RemoteVolume(this, record, token, pool.freshId(), token == 0, Optional.empty());
        volumes.add(volume);
        return volume;
    }

    /// Opens a volume that the process holds together with others.
    RemoteVolume openShared(Volume record, long token) {
        RemoteVolume volume = open(record, token);
        volume.renewBy((known, isRefused) ->
                new SimRenewal(pool, this, record.id(), known, isRefused).begin());
        return volume;
    }

    /// Brings a volume's token to all groups.
    ///
    /// @param then whether all know it, within so long
    void raise(SimRecords.Held held, long nanosMax, Consumer<Boolean> then) {
        raise(held.record(), held.token(), held.sessionsFrom(), nanosMax, then);
    }

    private void raise(
            Volume record, long token, long sessionsFrom, long nanosMax, Consumer<Boolean> then) {
        RemoteVolume session = openUnasked(record, token);
        Map<PlacementGroupId, Long> groups = new LinkedHashMap<>();
        for (long chunk = 0; chunk < pool.chunks(); chunk++) {
            groups.putIfAbsent(
                    Placement.groupOf(record.placementRoot(), chunk, pool.pgBits()), chunk);
        }
        long begun = nowNanos();
        var all =
                CompletableFuture.allOf(
                        groups.values().stream()
                                .map(chunk -> session.raiseAt(chunk, sessionsFrom))
                                .toArray(CompletableFuture[]::new));
        var _ =
                all.whenComplete((_, failure) ->
                        later(
                                Duration.ZERO,
                                () -> {
                                    forget(session);
                                    if (failure == null) {
                                        holds.fenced(record.id(), token, record.extentBytes());
                                    }
                                    then.accept(failure == null && nowNanos() - begun < nanosMax);
                                }));
    }

    /// It ends without a word: nothing of it is answered or sent any more.
    void die() {
        pool.world.tell(name + " dies");
        dead = true;
    }

    /// It has nothing to do any more.
    void end() {
        dead = true;
    }

    boolean isDead() {
        return dead;
    }

    /// Somebody asks it about what it holds.
    void ask(HolderMessage message, Consumer<HolderMessage> answer) {
        if (!dead) {
            holds.service().endpoint().onMessage(message, new Asking(answer));
        }
    }

    /// Goes on to other layers at once, without holding anything back.
    void switchTo(Volume volume, long token) {
        var wanted =
                List.of(
                        new HolderMessage.NewLayers(
                                volume.id(), token, volume.sizeBytes(), volume.chain()));
        ask(new HolderMessage.Switch(pool.freshId(), 0, wanted), _ -> {});
    }

    private void tick() {
        List.copyOf(volumes).forEach(volume -> volume.onTick(nowNanos()));
        later(Duration.ofNanos(TICK_NANOS), this::tick);
    }

    @Override
    public int pgBits() {
        return pool.pgBits();
    }

    @Override
    public Optional<Configuration> configurationOf(PlacementGroupId pg) {
        return Optional.ofNullable(configurations.get(pg));
    }

    @Override
    public boolean learn(Configuration heard) {
        Configuration known = configurations.get(heard.pg());
        boolean news = known == null || known.version() < heard.version();
        if (news) {
            configurations.put(heard.pg(), heard);
        }
        return news;
    }

    @Override
    public CompletableFuture<Void> refresh(PlacementGroupId pg) {
        var read = new CompletableFuture<Void>();
        pool.readConfiguration(
                pg,
                configuration -> {
                    if (!dead) {
                        var _ = learn(configuration);
                        read.complete(null);
                    }
                });
        return read;
    }

    @Override
    public Optional<NodeId> nodeOf(Member member) {
        return Optional.of(SimNode.idOf(member.store()));
    }

    @Override
    public CompletableFuture<WireMessage> request(NodeId node, WireMessage message) {
        var answer = new CompletableFuture<WireMessage>();
        if (!dead) {
            pool.request(this, node, message, answer);
        }
        return answer;
    }

    @Override
    public void later(Duration delay, Runnable task) {
        pool.world.after(
                delay.toNanos(),
                () -> {
                    if (!dead) {
                        task.run();
                    }
                });
    }

    @Override
    public long nowNanos() {
        return pool.world.nowNanos();
    }

    @Override
    public PoolMeters meters() {
        return METERS;
    }

    @Override
    public OpenVolumes holds() {
        return holds;
    }

    @Override
    public void fence(RemoteVolume volume) {
        Volume now = volume.record().withSizeBytes(volume.sizeBytes());
        raise(now, volume.token(), 0, Long.MAX_VALUE, _ -> {});
    }

    @Override
    public void forget(RemoteVolume volume) {
        volumes.remove(volume);
    }

    /// Who asks, for the holder.
    private record Asking(Consumer<HolderMessage> answer) implements Caller {
        @Override
        public Handshake peer() {
            return Handshake.of(new UUID(1, 1), Role.HOST, new NodeId("cutter"), 1);
        }

        @Override
        public boolean expectsReply() {
            return true;
        }

        @Override
        public void charge(int bytes) {}

        @Override
        public void send(WireMessage message) {
            throw new AssertionError("a holder sends " + message);
        }

        @Override
        public void reply(WireMessage message) {
            answer.accept((HolderMessage) message);
        }

        @Override
        public void fail(String reason) {
            throw new AssertionError("a holder refused: " + reason);
        }
    }
}
