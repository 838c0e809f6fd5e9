package weft.storage.simulation;

import org.jspecify.annotations.Nullable;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.StoreId;
import weft.sim.SimWorld;
import weft.storage.replica.CopyPace;
import weft.storage.replica.NodeLeases;
import weft.storage.replica.RecoveredState;
import weft.storage.replica.Replica;
import weft.storage.replica.ReplicaDisk;
import weft.storage.replica.ReplicaOutbox;
import weft.storage.replica.ReplicaSettings;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.ReplicaMessage;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.StoreBeat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;

/// One storage node with one store and one replica: the production core, its disk simulated, on a
/// clock of its own.
final class SimNode implements SimDisk.Host, ReplicaOutbox {
    /// What a node needs of its cluster.
    interface Surroundings {
        void send(SimNode from, NodeId to, StorageMessage message);

        void answer(long exchange, StorageMessage.Answer answer);

        void committed(SimNode by, Entry entry, Map<Integer, ByteBuffer> blocks);

        /// Something is about to happen to one of its nodes.
        void touched();

        /// The node's store does not open.
        void refused(SimNode node, IOException why);

        /// The node's process ended: who waits for its answers may hear of it.
        void crashed(SimNode node);

        NodeId nodeOf(StoreId store);

        Set<NodeId> others(SimNode node);

        /// What its nodes receive into.
        SimMemory memory();
    }

    /// The documented bound (ReplicaSettings): two clocks differ by no more in their rates.
    private static final double DRIFT_MAX = 0.005;

    /// Less than in production: simulated minutes take long.
    static final long SLOW_OUT_MILLIS = 7_000;

    final NodeId id;
    private final int number;
    private int disksReplaced;

    /// Another one once its disk is replaced.
    StoreId store;

    final SimDisk disk;
    private final SimWorld world;
    private final SimConfigurations configurations;
    private final Surroundings cluster;
    private final double clockRate;
    private final long clockOffset;
    private final ReplicaSettings settings =
            ReplicaSettings.DEFAULT.withSlowOutMillis(SLOW_OUT_MILLIS);
    private int life;
    private long frozenUntil;
    private boolean isToFail;

    /// Whoever wants to start it has to wait.
    boolean isKeptDown;

    @Nullable Replica replica;
    @Nullable NodeLeases leases;
    Member self;

    /// What a modelled store may still hold, as others hear of it with the next beat. (A primary
    /// that is full itself is played with production stores only.)
    long freeBytes = Long.MAX_VALUE;

    /// Damaged blocks that it replaced.
    int repairs;

    /// Damaged blocks that no member had.
    int losses;

    SimNode(
            int number,
            SimWorld world,
            SimConfigurations configurations,
            Surroundings cluster,
            Configuration first,
            SimDisk.Kind kind) {
        this.number = number;
        store = storeOf(number, 0);
        id = idOf(store);
        this.world = world;
        this.configurations = configurations;
        this.cluster = cluster;
        double drift = world.chance(0.5) ? 1 : world.random().nextDouble();
        clockRate = 1 + (world.chance(0.5) ? drift : -drift) * DRIFT_MAX;
        clockOffset = world.between(0, 1L << 40);
        disk =
                switch (kind) {
                    case MODEL -> new ModelDisk(world, store, first.pg(), this);
                    case STORE -> new StoreDisk(world, store, first.pg(), this);
                };
        self = new Member(store, 1);
    }

    static StoreId storeOf(int number) {
        return storeOf(number, 0);
    }

    private static StoreId storeOf(int number, int disk) {
        return new StoreId(new UUID((long) number << 32 | disk, number));
    }

    static NodeId idOf(StoreId store) {
        return new NodeId("node" + numberOf(store));
    }

    static int numberOf(StoreId store) {
        return (int) store.uuid().getLeastSignificantBits();
    }

    static int numberOf(NodeId id) {
        return Integer.parseInt(id.toString().substring("node".length()));
    }

    /// The same disk, if it is a model.
    ModelDisk model() {
        return (ModelDisk) disk;
    }

    /// The same disk, if a production store is on it.
    StoreDisk production() {
        return (StoreDisk) disk;
    }

    boolean isUp() {
        return replica != null;
    }

    boolean isFrozen() {
        return world.nowNanos() < frozenUntil;
    }

    long now() {
        return (long) (world.nowNanos() * clockRate) + clockOffset;
    }

    void start() {
        if (isUp() || isKeptDown) {
            return;
        }
        life++;
        SimDisk.Started started;
        try {
            started = disk.start(this);
        } catch (IOException e) {
            doesNotStart(e);
            return;
        }
        self = started.self();
        RecoveredState recovered = started.recovered();
        var stores = List.of(new StoreBeat(self, Long.MAX_VALUE, 0));
        leases =
                new NodeLeases(
                        settings,
                        id,
                        stores,
                        (to, message) -> cluster.send(this, to, message),
                        now());
        replica =
                new Replica(
                        settings,
                        self,
                        recovered,
                        disk,
                        this,
                        new LeasesWithOwnSpace(leases.viewOf(store), this),
                        new CopyPace(),
                        now());
        tell(
                "starts: "
                        + recovered.version()
                        + " in sync "
                        + recovered.inSync()
                        + " applied "
                        + recovered.appliedSequence()
                        + " prepared "
                        + recovered.prepared().size());
        readConfiguration();
        int of = life;
        tick(of);
        beat(of);
    }

    private void doesNotStart(IOException why) {
        boolean isRefused = !(disk instanceof StoreDisk own && own.medium.isOut());
        disk.crash();
        if (isRefused) {
            cluster.refused(this, why);
        } else {
            tell("loses power while it starts");
            startLater();
        }
    }

    /// An operator puts an empty disk in place of one whose store does not open; answers which
    /// store is gone.
    StoreId replaceDisk() {
        StoreId gone = store;
        disksReplaced++;
        store = storeOf(number, disksReplaced);
        self = new Member(store, 0);
        production().replace(store);
        return gone;
    }

    /// Whether that member is, or was, of this node, and what it said was durable is not to be
    /// found any more, because the disk lied.
    boolean mayHaveForgotten(Member member) {
        return disk instanceof StoreDisk own
                && (!member.store().equals(store) || own.medium.mayHaveForgotten(member));
    }

    private void startLater() {
        world.after(world.between(100_000_000, 2_000_000_000), this::start);
    }

    @Override
    public void powerFailed() {
        int of = life;
        world.after(
                0,
                () -> {
                    if (of == life && isUp()) {
                        tell("loses power");
                        crash();
                        startLater();
                    }
                });
    }

    void crash() {
        if (isUp()) {
            tell("crashes");
            replica = null;
            leases = null;
            frozenUntil = 0;
            disk.crash();
            cluster.crashed(this);
        }
    }

    /// Unlike a message it is not lost, and comes when it has woken.
    void hearOfEnd(Member of) {
        on(life, _ -> Objects.requireNonNull(leases).onEnded(List.of(of)));
    }

    /// Power will not fail at the next change of its disk, if it was to.
    void spare() {
        isToFail = false;
        if (disk instanceof StoreDisk own) {
            own.medium.failNotSoon();
        }
    }

    /// Power fails at one of the next changes of its disk, or some time later.
    void crashSoon() {
        if (disk instanceof StoreDisk own && isUp()) {
            own.medium.failSoon(40);
            isToFail = true;
            int of = life;
            world.after(
                    world.between(0, 500_000_000),
                    () -> {
                        if (of == life && isToFail) {
                            crash();
                        }
                    });
        } else {
            crash();
        }
    }

    /// Not once more while it lasts: what waits would come out of order.
    void freeze(long nanos) {
        frozenUntil = isFrozen() ? frozenUntil : world.nowNanos() + nanos;
    }

    /// Runs on the node, unless that life is over; later if it stands still.
    void on(int ofLife, Consumer<Replica> action) {
        Replica present = replica;
        if (present == null || ofLife != life) {
            return;
        }
        if (isFrozen()) {
            world.after(frozenUntil - world.nowNanos(), () -> on(ofLife, action));
            return;
        }
        cluster.touched();
        action.accept(present);
    }

    int life() {
        return life;
    }

    private void tick(int of) {
        on(of, r -> r.onTick(now()));
        if (of == life && isUp()) {
            world.after(50_000_000, () -> tick(of));
        }
    }

    private void beat(int of) {
        on(
                of,
                _ -> {
                    NodeLeases beats = leases;
                    if (beats != null) {
                        beats.setStores(
                                List.of(new StoreBeat(self, freeBytes(), disk.slowPercent())),
                                now());
                        beats.onTick(cluster.others(this), now());
                    }
                });
        if (of == life && isUp()) {
            world.after(settings.beatMillis() * SimPool.MILLIS, () -> beat(of));
        }
    }

    private long freeBytes() {
        if (disk instanceof StoreDisk own) {
            own.askSpace();
        }
        return Math.min(freeBytes, disk.freeBytes());
    }

    /// Others fill its disk, or give the space back.
    void setFull(boolean isFull) {
        if (disk instanceof StoreDisk own) {
            own.setFull(isFull);
        } else {
            freeBytes = isFull ? 0 : Long.MAX_VALUE;
        }
    }

    /// A message from the network.
    void receive(StorageMessage message) {
        on(life, r -> cluster.memory().lend(message, lent -> take(r, lent)));
    }

    private void take(Replica present, StorageMessage message) {
        NodeLeases beats = leases;
        switch (message) {
            case StorageMessage.Beat m when beats != null ->
                    cluster.send(this, m.from(), beats.onBeat(m, now()));
            case StorageMessage.BeatAck m when beats != null -> beats.onBeatAck(m, now());
            case StorageMessage.ToReplica m -> present.onMessage(m.from(), m.message(), now());
            default -> {}
        }
    }

    /// A request from a client.
    void request(long exchange, StorageMessage.Request request) {
        var message = new StorageMessage.ToStore(store, request);
        on(
                life,
                r ->
                        cluster.memory()
                                .lend(
                                        message,
                                        lent -> {
                                            var mine = (StorageMessage.ToStore) lent;
                                            r.onRequest(exchange, mine.request(), now());
                                        }));
    }

    void watched(Configuration configuration) {
        on(life, r -> r.onConfiguration(configuration, false, now()));
    }

    @Override
    public void later(long delayNanos, Consumer<ReplicaDisk.Events> event) {
        int of = life;
        world.after(delayNanos, () -> on(of, r -> event.accept(new Adapter(r, this))));
    }

    @Override
    public void applied(Entry entry, Map<Integer, ByteBuffer> blocks) {
        cluster.committed(this, entry, blocks);
    }

    @Override
    public void send(StoreId to, ReplicaMessage message) {
        cluster.send(this, cluster.nodeOf(to), new StorageMessage.ToReplica(self, to, message));
    }

    @Override
    public void reply(long exchange, StorageMessage.Answer answer) {
        cluster.answer(exchange, answer);
    }

    @Override
    public void propose(Configuration expected, Configuration next) {
        int of = life;
        configurations.propose(
                store, expected, next, result -> on(of, r -> r.onProposal(result, now())));
    }

    @Override
    public void readConfiguration() {
        int of = life;
        configurations.read(store, read -> on(of, r -> r.onConfiguration(read, true, now())));
    }

    @Override
    public void tellDamage(String what, boolean repaired) {
        world.tell(id + " " + what);
        if (repaired) {
            repairs++;
        } else {
            losses++;
        }
    }

    @Override
    public void tell(String transition) {
        world.tell(id + " " + transition);
    }

    /// Gives disk events to the replica with the node's time.
    private record Adapter(Replica replica, SimNode node) implements ReplicaDisk.Events {
        @Override
        public void onDurable(long ticket) {
            replica.onDurable(ticket, node.now());
        }

        @Override
        public void onRead(long ticket, ReplicaDisk.ReadOutcome outcome) {
            replica.onRead(ticket, outcome, node.now());
        }

        @Override
        public void onChunkList(
                long ticket, List<weft.wire.storage.ChunkStamp> stamps, boolean last) {
            replica.onChunkList(ticket, stamps, last, node.now());
        }

        @Override
        public void onChunk(
                long ticket, java.util.Optional<weft.wire.storage.ChunkContent> content) {
            replica.onChunk(ticket, content, node.now());
        }

        @Override
        public void onDamaged(long ticket, DamagedBlock block) {
            replica.onDamaged(ticket, block, node.now());
        }

        @Override
        public void onMaps(long ticket, weft.wire.storage.MapPage page) {
            replica.onMaps(ticket, page);
        }

        @Override
        public void onRepaired(long ticket, boolean fits) {
            replica.onRepaired(ticket, fits, node.now());
        }

        @Override
        public void onDone(long ticket) {
            replica.onDone(ticket, node.now());
        }

        @Override
        public void onFailed(long ticket, String detail) {
            replica.onFailed(ticket, detail, node.now());
        }
    }
}
