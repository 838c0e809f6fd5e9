package weft.storage.simulation;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.sim.SimWorld;
import weft.storage.replica.Replica;
import weft.storage.replica.ReplicaStatus;
import weft.wire.storage.Entry;
import weft.wire.storage.ReplicaMessage;
import weft.wire.storage.StorageMessage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;

/// Storage nodes with one placement group between them; after every event that concerns it the
/// promises of the protocol are checked.
///
/// ```text
///   requests ──► SimNode (Replica, NodeLeases, SimDisk) ◄──messages──► SimNode …
///                    │ propose, read
///                    ▼
///              SimConfigurations
/// ```
final class StorageCluster implements SimNode.Surroundings {
    private static final long MILLIS = SimPool.MILLIS;

    /// A request under way.
    private record Exchange(NodeId node, String from, SimPool.AnswerTo answer) {}

    final PlacementGroupId pg;
    final List<SimNode> nodes = new ArrayList<>();
    final SimConfigurations configurations;
    private final SimMemory memory = new SimMemory();
    private final SimPool pool;
    private final SimWorld world;
    private final int firstNode;
    private final TreeMap<Long, Exchange> exchanges = new TreeMap<>();
    private final Set<String> cutLinks = new HashSet<>();
    private final TreeMap<Long, Entry> committed = new TreeMap<>();
    private final Map<Long, Map<Integer, ByteBuffer>> results = new HashMap<>();
    private final Map<Long, Member> primaries = new HashMap<>();
    private final Map<String, Long> lastArrivals = new HashMap<>();
    private long exchangeCount;
    double lossRate;

    /// Messages between replicas that a story loses.
    Predicate<ReplicaMessage> lost = _ -> false;

    /// Whether a replica may stop for good; by itself none has a reason to.
    boolean mayStop;

    double lateRate;

    /// Disks that lied, and whose stores did not open.
    int replacedDisks;

    StorageCluster(SimPool pool, PlacementGroupId pg, int firstNode, SimPool.Size size) {
        this.pool = pool;
        this.pg = pg;
        this.firstNode = firstNode;
        world = pool.world;
        List<Member> members = new ArrayList<>();
        List<StoreId> wanted = new ArrayList<>();
        for (int i = 0; i < size.replicas(); i++) {
            members.add(new Member(SimNode.storeOf(firstNode + i), 1));
            wanted.add(SimNode.storeOf(firstNode + i));
        }
        var first =
                new Configuration(pg, 1, members.getFirst(), members, wanted, size.minReplicas());
        configurations = new SimConfigurations(world, first);
        configurations.onChange(_ -> spread());
        for (int i = 0; i < size.nodes(); i++) {
            nodes.add(new SimNode(firstNode + i, world, configurations, this, first, pool.disks));
        }
    }

    @Override
    public void touched() {
        pool.touch(this);
    }

    private void spread() {
        touched();
        for (SimNode node : nodes) {
            long delay = world.between(MILLIS, world.chance(0.1) ? 2000 * MILLIS : 20 * MILLIS);
            world.after(delay, () -> watched(node));
        }
    }

    /// A watch tells the latest value, perhaps late; never an older one after a newer.
    private void watched(SimNode node) {
        if (configurations.isCut(node.store)) {
            world.after(200 * MILLIS, () -> watched(node));
        } else {
            node.watched(configurations.watchedBy(node.store));
        }
    }

    // ---- What happens to it.

    void cut(int from, int to) {
        cutLinks.add(nodes.get(from).id + ">" + nodes.get(to).id);
    }

    void mend(int from, int to) {
        cutLinks.remove(nodes.get(from).id + ">" + nodes.get(to).id);
    }

    void isolate(int node) {
        for (int other = 0; other < nodes.size(); other++) {
            if (other != node) {
                cut(node, other);
                cut(other, node);
            }
        }
    }

    void rejoin(int node) {
        for (int other = 0; other < nodes.size(); other++) {
            mend(node, other);
            mend(other, node);
        }
    }

    void heal() {
        cutLinks.clear();
        lossRate = 0;
        lateRate = 0;
        for (SimNode node : nodes) {
            configurations.setCut(node.store, false);
            node.disk.setSlowness(1);
            node.setFull(false);
            node.spare();
        }
    }

    /// The index of the node that the configuration names primary.
    int primary() {
        return index(configurations.current().primary());
    }

    private int index(Member member) {
        return SimNode.numberOf(member.store()) - firstNode;
    }

    /// Whether all wanted stores are members in their present lives and the primary serves.
    boolean isWhole() {
        Configuration current = configurations.current();
        boolean serving = false;
        for (SimNode node : nodes) {
            boolean member = current.members().contains(node.self);
            boolean wanted = current.wanted().contains(node.store);
            if (member != wanted) {
                return false;
            }
            Replica replica = node.replica;
            serving |= replica != null && replica.mayRead(node.now());
        }
        return serving;
    }

    /// Whether no member has a block without its checksum, nor one on a disk that is in doubt.
    boolean isIntact() {
        Configuration current = configurations.current();
        return nodes.stream()
                .filter(node -> current.members().contains(node.self))
                .allMatch(node -> !(node.disk instanceof StoreDisk own) || own.isIntact());
    }

    /// All that are members hold the same, to the byte, and find it intact.
    void checkReplicasAreEqual() {
        if (!isIntact()) {
            fail("a deep scrub finds damage");
        }
        Configuration current = configurations.current();
        SimNode first = nodes.get(primary());
        for (SimNode node : nodes) {
            if (current.members().contains(node.self)) {
                var chunks = node.disk.chunks();
                var firstChunks = first.disk.chunks();
                if (!chunks.equals(firstChunks)) {
                    fail(
                            "%s and %s differ: %s and %s"
                                    .formatted(node.id, first.id, chunks, firstChunks));
                }
                if (!node.disk.tables().equals(first.disk.tables())) {
                    fail(node.id + " and " + first.id + " have different tables");
                }
            }
        }
    }

    // ---- The network.

    /// Messages of one connection keep their order, but for those that were on an older one.
    private long delay(String connection) {
        long arrival = world.nowNanos() + delay();
        if (arrival < world.nowNanos() + 10 * MILLIS) {
            arrival = Math.max(arrival, lastArrivals.getOrDefault(connection, 0L));
            lastArrivals.put(connection, arrival);
        }
        return arrival - world.nowNanos();
    }

    private long delay() {
        return world.chance(lateRate)
                ? world.between(10 * MILLIS, 4000 * MILLIS)
                : world.between(30_000, 900_000);
    }

    @Override
    public SimMemory memory() {
        return memory;
    }

    /// The bytes are read now: when the message arrives, their memory may be others'.
    @Override
    public void send(SimNode from, NodeId to, StorageMessage message) {
        StorageMessage sent = message;
        if (message instanceof StorageMessage.ToReplica replica) {
            ReplicaMessage copy = replica.message().onHeap();
            checkVersion(from, copy);
            if (lost.test(copy)) {
                return;
            }
            sent = new StorageMessage.ToReplica(replica.from(), replica.to(), copy);
        }
        sendTo(from, to, sent);
    }

    private void sendTo(SimNode from, NodeId to, StorageMessage message) {
        for (int copies = world.chance(lossRate / 2) ? 2 : 1; copies > 0; copies--) {
            if (cutLinks.contains(from.id + ">" + to) || world.chance(lossRate)) {
                continue;
            }
            world.after(
                    delay(from.id + ">" + to),
                    () -> {
                        for (SimNode node : nodes) {
                            if (node.id.equals(to)) {
                                node.receive(message);
                            }
                        }
                    });
        }
    }

    /// A request of a client, which may be lost. In pools of production stores it may come twice,
    /// at times that have nothing to do with each other; no connection does that, but clients who
    /// ask again by another one do.
    void request(String from, NodeId to, StorageMessage.Request request, SimPool.AnswerTo answer) {
        boolean isTwice = pool.disks == SimDisk.Kind.STORE && world.chance(lossRate);
        for (int copies = isTwice ? 2 : 1; copies > 0; copies--) {
            if (!cutLinks.contains(from + ">" + to) && !world.chance(lossRate)) {
                deliver(new Exchange(to, from, answer), request);
            }
        }
    }

    private void deliver(Exchange exchange, StorageMessage.Request request) {
        exchangeCount++;
        long number = exchangeCount;
        exchanges.put(number, exchange);
        SimNode node = nodes.get(SimNode.numberOf(exchange.node()) - firstNode);
        world.after(
                delay(),
                () -> {
                    if (!node.isUp()) {
                        broken(number);
                    } else if (exchanges.containsKey(number)) {
                        node.request(number, request);
                    }
                });
    }

    @Override
    public void answer(long exchange, StorageMessage.Answer answer) {
        Exchange of = exchanges.remove(exchange);
        if (of == null) {
            fail("exchange " + exchange + " answered twice");
            return;
        }
        if (!cutLinks.contains(of.node() + ">" + of.from()) && !world.chance(lossRate)) {
            world.after(delay(), () -> of.answer().answered(Optional.of(answer)));
        }
    }

    /// Only a disk that lied may be the reason; then it is replaced, as by an operator.
    @Override
    public void refused(SimNode node, IOException why) {
        if (!node.production().medium.isDoubtful()) {
            throw new AssertionError(node.id + "'s store does not open\n" + world.trace(), why);
        }
        world.tell("%s's store does not open: %s".formatted(node.id, why.getMessage()));
        replacedDisks++;
        node.isKeptDown = true;
        world.after(
                world.between(10 * MILLIS, 500 * MILLIS),
                () -> {
                    node.isKeptDown = false;
                    StoreId gone = node.replaceDisk();
                    List<StoreId> wanted = new ArrayList<>(configurations.current().wanted());
                    wanted.replaceAll(store -> store.equals(gone) ? node.store : store);
                    configurations.want(wanted);
                    node.start();
                });
    }

    @Override
    public void crashed(SimNode node) {
        List<Long> waiting =
                exchanges.entrySet().stream()
                        .filter(e -> e.getValue().node().equals(node.id))
                        .map(Map.Entry::getKey)
                        .toList();
        waiting.forEach(this::broken);
    }

    /// A process that ends closes its connections; a machine that stops does not.
    private void broken(long exchange) {
        Exchange of = exchanges.remove(exchange);
        if (of != null && world.chance(0.5)) {
            world.after(delay(), () -> of.answer().answered(Optional.empty()));
        }
    }

    @Override
    public NodeId nodeOf(StoreId store) {
        return SimNode.idOf(store);
    }

    @Override
    public Set<NodeId> others(SimNode node) {
        Set<NodeId> others = new HashSet<>();
        nodes.forEach(n -> others.add(n.id));
        others.remove(node.id);
        return others;
    }

    /// Who ran the node's process tells the others that it has ended, one after the other.
    void reportEnd(Member life) {
        long delayMillis = 0;
        for (SimNode node : nodes) {
            world.after(delayMillis * SimPool.MILLIS, () -> node.hearOfEnd(life));
            delayMillis += 7;
        }
    }

    // ---- The promises.

    @Override
    public void committed(SimNode by, Entry entry, Map<Integer, ByteBuffer> blocks) {
        Entry known = committed.putIfAbsent(entry.sequence(), entry);
        if (known != null && !known.equals(entry)) {
            fail("%s commits %s, but %s was committed there".formatted(by.id, entry, known));
        }
        if (known == null) {
            pool.snapshots.committed(entry);
        }
        if (!blocks.isEmpty()) {
            Map<Integer, ByteBuffer> made = results.putIfAbsent(entry.sequence(), blocks);
            if (made != null && !made.equals(blocks)) {
                fail(
                        "%s makes other blocks %s of %s than a member before it"
                                .formatted(by.id, blocks.keySet(), entry));
            }
        }
    }

    private void fail(String what) {
        throw new AssertionError(what + "\n" + world.trace());
    }

    /// The promises of the protocol.
    void check() {
        Configuration current = configurations.current();
        long last = committed.isEmpty() ? 0 : committed.lastKey();
        for (Member member : current.members()) {
            SimNode node = nodes.get(index(member));
            if (node.disk.durableTail() < last && !node.mayHaveForgotten(member)) {
                fail(
                        "member %s of %s has only %d durable, %d is committed"
                                .formatted(member, current, node.disk.durableTail(), last));
            }
        }
        int readers = 0;
        for (SimNode node : nodes) {
            Replica replica = node.replica;
            if (replica == null || node.isFrozen()) {
                continue;
            }
            if (replica.isStopped() && !mayStop) {
                fail(node.id + " stopped");
            }
            if (replica.mayRead(node.now())) {
                readers++;
            }
            checkRole(replica.status());
        }
        if (readers > 1) {
            fail(readers + " replicas may answer reads");
        }
    }

    /// Nothing is said in a version before the journal holds it, but questions and refusals.
    private void checkVersion(SimNode from, ReplicaMessage message) {
        boolean exempt =
                message instanceof ReplicaMessage.JoinRequest
                        || message instanceof ReplicaMessage.JoinRefused
                        || message instanceof ReplicaMessage.BlockRequest
                        || message instanceof ReplicaMessage.NewerVersion;
        if (!exempt && message.version() > from.disk.durableVersion()) {
            fail(from.id + " speaks before its journal: " + message);
        }
    }

    private void checkRole(ReplicaStatus status) {
        if (status.committed() > status.durable() || status.durable() > status.tail()) {
            fail("%s: committed, durable, tail out of order".formatted(status));
        }
        if (status.role().equals("Primary")) {
            long version = status.configuration().orElseThrow().version();
            Member known = primaries.putIfAbsent(version, status.self());
            if (known != null && !known.equals(status.self())) {
                fail("two primaries of v" + version + ": " + known + " and " + status.self());
            }
        }
    }
}
