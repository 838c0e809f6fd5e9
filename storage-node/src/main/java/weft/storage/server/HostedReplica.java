package weft.storage.server;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.fabric.VolumeId;
import weft.runtime.Clock;
import weft.runtime.Loop;
import weft.runtime.Owned;
import weft.storage.replica.ComparisonOutcome;
import weft.storage.replica.RecordOrder;
import weft.storage.replica.RepairOutcome;
import weft.storage.replica.Replica;
import weft.storage.replica.ReplicaDisk;
import weft.storage.replica.ReplicaOutbox;
import weft.storage.server.ConfigurationRecords.Recorded;
import weft.transport.Caller;
import weft.transport.Peers;
import weft.wire.audit.AuditMessage.DigestRequest;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.MapPage;
import weft.wire.storage.Mutation;
import weft.wire.storage.ReplicaMessage;
import weft.wire.storage.StorageMessage;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;

/// One replica and its ties to the world: events are posted to its loop, what it says is carried
/// out. Tickets below zero are those of the node's own questions to the disk ([DiskQuestions]).
@Owned("its loop; methods named post… may be called from any thread")
final class HostedReplica implements ReplicaOutbox, ReplicaDisk.Events {
    private static final Logger log = LoggerFactory.getLogger(HostedReplica.class);
    private static final Duration READ_AGAIN = Duration.ofMillis(200);

    /// What all replicas of a store share.
    record Surroundings(
            Member self,
            Clock clock,
            Peers peers,
            Function<StoreId, Optional<NodeId>> nodes,
            ConfigurationRecords configurations,
            StorageMeters meters,
            AtomicLong exchanges,
            Intake requests,
            Intake prepares) {}

    /// Who waits for an answer.
    ///
    /// @param payloadBytes that are kept for it
    private record Waiting(Caller caller, int payloadBytes) {}

    private final PlacementGroupId pg;
    private final Loop loop;
    private final Surroundings around;
    private final Map<Long, Waiting> waiting = new HashMap<>();
    private final DiskQuestions questions;
    private final Intake requests;
    private @Nullable ReplicaDisk disk;
    private @Nullable Replica replica;
    private volatile @Nullable Configuration newest;
    private final RecordOrder order = new RecordOrder();
    private boolean reading;
    private boolean failed;
    private boolean damageTold;
    private boolean eventful;

    HostedReplica(PlacementGroupId pg, Loop loop, Surroundings around) {
        this.pg = pg;
        this.loop = loop;
        this.around = around;
        questions = new DiskQuestions(pg);
        requests = around.requests().share();
    }

    /// Brings the replica to life.
    ///
    /// @param make makes the disk's view for these events
    /// @param assemble makes the replica of it, with the time
    void start(
            Function<ReplicaDisk.Events, ReplicaDisk> make,
            BiFunction<ReplicaDisk, Long, Replica> assemble) {
        loop.execute(() -> {
            ReplicaDisk made = make.apply(this);
            disk = made;
            questions.open(made);
            replica = assemble.apply(made, around.clock().nowNanos());
        });
    }

    PlacementGroupId pg() {
        return pg;
    }

    Loop loop() {
        return loop;
    }

    /// The newest configuration that the coordination told of.
    Optional<Configuration> newest() {
        return Optional.ofNullable(newest);
    }

    /// Whether that names this replica as the primary.
    boolean leads() {
        return newest().filter(now -> now.primary().equals(around.self())).isPresent();
    }

    /// Whether it is none of the group's and is not to become one, as far as the coordination told.
    boolean isDismissed() {
        StoreId store = around.self().store();
        return newest().filter(now -> !now.hasStore(store) && !now.wanted().contains(store))
                .isPresent();
    }

    private long now() {
        return around.clock().nowNanos();
    }

    private void onLoop(Consumer<Replica> event) {
        loop.execute(() -> ifAlive(event));
    }

    private void ifAlive(Consumer<Replica> event) {
        Replica present = replica;
        if (present == null || failed) {
            return;
        }
        eventful = true;
        try {
            event.accept(present);
        } catch (RuntimeException | AssertionError e) {
            // What it did in part must not be built on.
            log.error("{}: a replica's event failed", pg, e);
            onFailed(0, String.valueOf(e));
        }
        if (present.isStopped()) {
            noteStopped("see before");
        }
    }

    private void noteStopped(String why) {
        if (failed) {
            return;
        }
        failed = true;
        around.meters().failures.increment();
        log.error("{}: the replica stopped: {}", pg, why);
        waiting.values()
                .forEach(each -> {
                    requests.done(each.payloadBytes());
                    each.caller().fail("the replica has stopped");
                });
        waiting.clear();
    }

    private void refuse(Caller caller, StorageMessage.Refused.Reason reason, String detail) {
        caller.reply(new StorageMessage.Refused(reason, newest(), detail));
    }

    void postRequest(StorageMessage.Request request, Caller caller) {
        int payloadBytes =
                request instanceof StorageMessage.WriteBlocks write
                        ? payloadBytes(write.mutation())
                        : 0;
        if (!requests.admit(payloadBytes)) {
            around.meters().countRefused(StorageMessage.Refused.Reason.OVERLOADED);
            refuse(caller, StorageMessage.Refused.Reason.OVERLOADED, "too much waits for the disk");
            return;
        }
        long exchange = around.exchanges().incrementAndGet();
        Runnable task =
                () -> {
                    Replica present = replica;
                    if (present == null || failed) {
                        requests.done(payloadBytes);
                        refuse(
                                caller,
                                StorageMessage.Refused.Reason.NOT_SERVING,
                                "the replica has stopped");
                        return;
                    }
                    waiting.put(exchange, new Waiting(caller, payloadBytes));
                    ifAlive(alive -> alive.onRequest(exchange, request, now()));
                };
        loop.execute(request.memory().holdUntil(task));
    }

    private static int payloadBytes(Mutation mutation) {
        return switch (mutation) {
            case Mutation.Write write -> write.lengthBytes();
            case Mutation.Fill fill -> fill.lengthBytes();
            default -> 0;
        };
    }

    /// A message that finds no room is lost, as any may be: its sender sends it again.
    void postMessage(Member from, ReplicaMessage message) {
        int payloadBytes =
                message instanceof ReplicaMessage.Prepare prepare
                        ? payloadBytes(prepare.entry().mutation())
                        : 0;
        if (!around.prepares().admit(payloadBytes)) {
            around.meters().messagesDropped.increment();
            return;
        }
        Runnable task =
                () -> {
                    around.prepares().done(payloadBytes);
                    ifAlive(present -> present.onMessage(from, message, now()));
                };
        loop.execute(message.memory().holdUntil(task));
    }

    /// From the watch: may be older than what the replica knows.
    void postConfiguration(Recorded watched) {
        Configuration known = newest;
        if (known == null || known.version() <= watched.configuration().version()) {
            newest = watched.configuration();
        }
        onLoop(present -> present.onConfiguration(newer(watched), false, now()));
    }

    private Configuration newer(Recorded told) {
        return order.newer(told.configuration(), told.recordVersion());
    }

    void postDigestRequest(DigestRequest request, Caller caller) {
        loop.execute(() -> questions.digest(request, caller));
    }

    /// Which layers have chunks here; the answer comes on the loop, or never if the disk fails, and
    /// is empty if it cannot be asked now.
    void postLayerQuestion(Consumer<Held> answer) {
        loop.execute(() -> {
            Replica present = replica;
            Set<VolumeId> volumes = present == null ? Set.of() : present.volumesWithToken();
            boolean asked =
                    questions.layers(
                            layers -> answer.accept(new Held(Set.copyOf(layers), volumes)));
            if (!asked) {
                answer.accept(new Held(Set.of(), Set.of()));
            }
        });
    }

    /// What a group keeps for volumes.
    ///
    /// @param layers that have chunks
    /// @param volumes that have a token
    record Held(Set<VolumeId> layers, Set<VolumeId> volumes) {
        boolean isEmpty() {
            return layers.isEmpty() && volumes.isEmpty();
        }
    }

    /// The chunks of the group after that one; fails if it cannot be asked now. Any thread.
    CompletableFuture<DiskQuestions.ChunkPage> chunks(Optional<ChunkKey> after) {
        var answer = new CompletableFuture<DiskQuestions.ChunkPage>();
        loop.execute(() -> questions.chunks(after, answer));
        return answer;
    }

    /// See [ReplicaDisk#verify]. Any thread.
    CompletableFuture<DiskQuestions.Verified> verify(
            ChunkKey key, int fromBlock, ByteBuffer scratch) {
        var answer = new CompletableFuture<DiskQuestions.Verified>();
        loop.execute(() -> questions.verify(key, fromBlock, scratch, answer));
        return answer;
    }

    /// See [Replica#repair]. Any thread.
    CompletableFuture<RepairOutcome> repair(DamagedBlock block) {
        var outcome = new CompletableFuture<RepairOutcome>();
        onLoop(present -> present.repair(block, outcome::complete, now()));
        return outcome;
    }

    /// See [Replica#compareMaps]. Any thread.
    CompletableFuture<ComparisonOutcome> compareMaps(Optional<ChunkKey> after) {
        var outcome = new CompletableFuture<ComparisonOutcome>();
        onLoop(present -> present.compareMaps(after, outcome::complete));
        return outcome;
    }

    /// Whether the replica is a member of its group. Any thread.
    CompletableFuture<Boolean> isMember() {
        var answer = new CompletableFuture<Boolean>();
        loop.execute(() -> {
            Replica present = replica;
            answer.complete(present != null && !failed && present.isMember());
        });
        return answer;
    }

    /// Called on the loop.
    ///
    /// @return whether anything has happened to the group since the last call
    boolean tick() {
        boolean busy = eventful;
        long now = now();
        ifAlive(present -> present.onTick(now));
        eventful = false;
        return busy;
    }

    // ReplicaOutbox: called by the replica, on the loop.

    @Override
    public void send(StoreId to, ReplicaMessage message) {
        around.nodes()
                .apply(to)
                .ifPresent(node ->
                        around.peers()
                                .send(
                                        node,
                                        new StorageMessage.ToReplica(around.self(), to, message)));
    }

    @Override
    public void hurry() {
        ReplicaDisk own = disk;
        if (own != null && own.isOneAtATime() && Loop.isIdle()) {
            Loop.endBatchNow();
        }
    }

    @Override
    public void reply(long exchange, StorageMessage.Answer answer) {
        Waiting who = waiting.remove(exchange);
        if (answer instanceof StorageMessage.Refused refused) {
            around.meters().countRefused(refused.reason());
        }
        if (who != null) {
            requests.done(who.payloadBytes());
            who.caller().reply(answer);
        }
    }

    @Override
    public void propose(Configuration expected, Configuration next) {
        around.meters().proposals.increment();
        around.configurations()
                .propose(
                        expected,
                        next,
                        ended ->
                                onLoop(present ->
                                        present.onProposal(
                                                order.newer(
                                                        ended.proposal(), ended.recordVersion()),
                                                now())));
    }

    @Override
    public void readConfiguration() {
        if (reading) {
            return;
        }
        reading = true;
        around.configurations()
                .read(
                        pg,
                        read ->
                                loop.execute(() -> {
                                    reading = false;
                                    onReadConfiguration(read);
                                }));
    }

    private void onReadConfiguration(Optional<Recorded> read) {
        if (read.isEmpty()) {
            var _ = loop.schedule(READ_AGAIN, this::readConfiguration);
            return;
        }
        newest = read.get().configuration();
        ifAlive(present -> present.onConfiguration(newer(read.get()), true, now()));
    }

    @Override
    public void tellDamage(String what, boolean repaired) {
        (repaired ? around.meters().blocksRepaired : around.meters().blocksLost).increment();
        // A bad disk has many: the counters say how many.
        if (!damageTold) {
            damageTold = true;
            log.warn("{} (the first of this group since the start)", what);
        } else {
            log.debug("{}", what);
        }
    }

    @Override
    public void tell(String transition) {
        around.meters().transitions.increment();
        log.info("{}", transition);
    }

    // ReplicaDisk.Events: called by the store, on the loop.

    @Override
    public void onDurable(long ticket) {
        ifAlive(present -> present.onDurable(ticket, now()));
    }

    @Override
    public void onRead(long ticket, ReplicaDisk.ReadOutcome outcome) {
        ifAlive(present -> present.onRead(ticket, outcome, now()));
    }

    @Override
    public void onChunkList(long ticket, List<ChunkStamp> stamps, boolean last) {
        if (ticket < 0) {
            questions.onChunkList(ticket, stamps, last);
        } else {
            ifAlive(present -> present.onChunkList(ticket, stamps, last, now()));
        }
    }

    @Override
    public void onChunk(long ticket, Optional<ChunkContent> content) {
        if (ticket < 0) {
            questions.onChunk(ticket, content);
        } else {
            ifAlive(present -> present.onChunk(ticket, content, now()));
        }
    }

    @Override
    public void onDamaged(long ticket, DamagedBlock block) {
        if (ticket < 0) {
            questions.onFailed(ticket, block + " is damaged");
        } else {
            ifAlive(present -> present.onDamaged(ticket, block, now()));
        }
    }

    @Override
    public void onVerified(long ticket, int nextBlock, int blocks, List<DamagedBlock> damaged) {
        questions.onVerified(ticket, new DiskQuestions.Verified(nextBlock, blocks, damaged));
    }

    @Override
    public void onMaps(long ticket, MapPage page) {
        ifAlive(present -> present.onMaps(ticket, page));
    }

    @Override
    public void onRepaired(long ticket, boolean fits) {
        ifAlive(present -> present.onRepaired(ticket, fits, now()));
    }

    @Override
    public void onDone(long ticket) {
        ifAlive(present -> present.onDone(ticket, now()));
    }

    @Override
    public void onFailed(long ticket, String detail) {
        if (ticket < 0) {
            questions.onFailed(ticket, detail);
            return;
        }
        Replica present = replica;
        if (present != null && !failed) {
            present.onFailed(ticket, detail, now());
            noteStopped(detail);
        }
    }

    @Override
    public String toString() {
        return String.valueOf(replica);
    }
}
