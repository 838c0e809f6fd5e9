package weft.storage.simulation;

import org.jspecify.annotations.Nullable;

import weft.fabric.Configuration;
import weft.fabric.NodeId;
import weft.fabric.PlacementGroupId;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.sim.SimWorld;
import weft.transport.PeerUnreachable;
import weft.wire.WireMessage;
import weft.wire.storage.StorageMessage;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/// A whole pool in a [SimWorld]: placement groups with nodes of their own, processes that use its
/// volumes, and the records of those. After every event the promises are checked.
///
/// ```text
///   SimClient ─► SimProcess (RemoteVolume, OpenVolumes) ──requests──► StorageCluster, one a group
///       │             ▲ switch, settle                                  │ Replica, NodeLeases,
///    History          │                                                 │ SimDisk
///   (linearizable?) SimCut ─► SimRecords                           SimConfigurations
/// ```
final class SimPool {
    static final long MILLIS = 1_000_000;
    static final VolumeId VOLUME = new VolumeId(7);

    /// By what token a volume is held, and as what it was seen then.
    record Attached(Volume record, long token) {}

    /// How large a pool is.
    ///
    /// @param groups 1 or a power of 2
    /// @param nodes of each group
    /// @param replicas of each group
    /// @param chunks of each volume
    record Size(int groups, int nodes, int replicas, int minReplicas, int chunks) {}

    final SimWorld world;
    final History history;
    final SimRecords records;
    final SimSnapshots snapshots;
    final List<StorageCluster> groups = new ArrayList<>();
    final List<SimClient> clients = new ArrayList<>();
    final SimDisk.Kind disks;
    private final Size size;

    /// How much longer than usual clients do nothing between two operations.
    long leisure = 1;

    private long ids = 1000;
    private @Nullable StorageCluster touched;

    SimPool(long seed, Size size) {
        this(seed, size, SimDisk.Kind.MODEL);
    }

    SimPool(long seed, Size size, SimDisk.Kind disks) {
        this.size = size;
        this.disks = disks;
        world = new SimWorld(seed);
        history = new History(world);
        records = new SimRecords(world, size.chunks());
        snapshots = new SimSnapshots(this);
        for (int i = 0; i < size.groups(); i++) {
            groups.add(new StorageCluster(this, new PlacementGroupId(i), i * size.nodes(), size));
        }
        world.afterEach(this::check);
        nodes().forEach(SimNode::start);
    }

    /// Something happened to a group: its promises are looked at after this event.
    void touch(StorageCluster group) {
        if (touched != null && touched != group) {
            touched.check();
        }
        touched = group;
    }

    private void check() {
        StorageCluster group = touched;
        touched = null;
        if (group != null) {
            group.check();
        }
    }

    int chunks() {
        return size.chunks();
    }

    int pgBits() {
        return Integer.numberOfTrailingZeros(size.groups());
    }

    List<SimNode> nodes() {
        return groups.stream().flatMap(group -> group.nodes.stream()).toList();
    }

    /// Nobody had it before.
    long freshId() {
        ids++;
        return ids;
    }

    /// A process of its own that holds the first volume by that token.
    SimClient client(long token) {
        return client(VOLUME, token);
    }

    SimClient client(VolumeId volume, long token) {
        return client(process(), volume, token);
    }

    SimProcess process() {
        return new SimProcess(this, "process" + freshId());
    }

    SimClient client(SimProcess process, VolumeId volume, long token) {
        return added(new SimClient(this, process, records.attach(volume, token, process), false));
    }

    /// A process of its own that holds the volume, together with those who let it.
    SimClient sharer(VolumeId volume) {
        SimProcess process = process();
        return added(new SimClient(this, process, records.share(volume, process), true));
    }

    /// Takes the volume from one of those who hold it together: when all groups know, nothing that
    /// it asks from then on is answered.
    void leave(VolumeId volume, SimProcess process) {
        SimRecords.Held held = records.leave(volume, process);
        process()
                .raise(
                        held,
                        Long.MAX_VALUE,
                        _ ->
                                clients.stream()
                                        .filter(client -> client.process.equals(process))
                                        .filter(client ->
                                                client.attached.record().id().equals(volume))
                                        .forEach(SimClient::bar));
    }

    private SimClient added(SimClient client) {
        clients.add(client);
        return client;
    }

    /// The volume goes on in a new layer, as after a cut of it alone.
    void addLayer(VolumeId volume) {
        if (records.volume(volume).record().layers().size() == Volume.LAYERS_MAX) {
            return;
        }
        Volume record = records.addLayer(volume);
        world.tell("%s has layers %s".formatted(volume, record.layers()));
        for (SimClient client : clients) {
            if (client.attached.record().id().equals(volume)) {
                client.process.switchTo(record, client.attached.token());
            }
        }
    }

    void run(long millis) {
        world.run(millis * MILLIS);
    }

    /// Runs until the condition holds, at most so long.
    boolean runUntil(long millisMax, BooleanSupplier condition) {
        long waited = 0;
        while (!condition.getAsBoolean() && waited < millisMax) {
            run(10);
            waited += 10;
        }
        return condition.getAsBoolean();
    }

    void heal() {
        groups.forEach(StorageCluster::heal);
    }

    boolean isWhole() {
        return groups.stream().allMatch(StorageCluster::isWhole);
    }

    void checkReplicasAreEqual() {
        groups.forEach(StorageCluster::checkReplicasAreEqual);
    }

    void readConfiguration(PlacementGroupId pg, Consumer<Configuration> result) {
        SimConfigurations configurations = groups.get(pg.value()).configurations;
        world.after(
                world.between(MILLIS, 20 * MILLIS), () -> result.accept(configurations.current()));
    }

    /// Brings a request to a node and its answer back; fails as a broken connection does, or is
    /// silent.
    void request(
            SimProcess from,
            NodeId to,
            WireMessage message,
            CompletableFuture<WireMessage> answer) {
        StorageCluster group = groups.get(SimNode.numberOf(to) / size.nodes());
        group.request(
                from.name,
                to,
                ((StorageMessage.ToStore) message).request(),
                answered -> {
                    if (from.isDead()) {
                        return;
                    }
                    answered.ifPresentOrElse(
                            found -> group.memory().give(found, answer),
                            () ->
                                    answer.completeExceptionally(
                                            new PeerUnreachable(to + " is gone")));
                });
    }

    /// What became of a request; empty if the connection broke.
    interface AnswerTo {
        void answered(Optional<StorageMessage.Answer> answer);
    }
}
