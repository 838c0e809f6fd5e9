package weft.storage.replica;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.fabric.VolumeId;
import weft.storage.journal.JournalRecord;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;
import weft.wire.storage.ReplicaMessage;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.MapBlocks;
import weft.wire.storage.StorageMessage.ReadBlocks;
import weft.wire.storage.StorageMessage.WriteBlocks;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/// One replica whose every event is given by hand, for orders of events that are too rare for the
/// simulator: what it says and journals is written down, nothing is answered by itself. All leases
/// are held.
final class DrivenReplica implements ReplicaDisk, ReplicaOutbox, LeaseView {
    static final PlacementGroupId PG = new PlacementGroupId(5);

    /// A message and to whom.
    record Sent(StoreId to, ReplicaMessage message) {}

    /// An answer and to which request.
    record Answered(long exchange, StorageMessage.Answer answer) {}

    final List<Sent> sent = new ArrayList<>();
    final List<Answered> answers = new ArrayList<>();
    final List<JournalRecord> journal = new ArrayList<>();
    final List<Entry> applied = new ArrayList<>();
    final CopyPace pace = new CopyPace();
    final Replica replica;
    final List<Configuration> proposals = new ArrayList<>();
    final Set<Member> lapsed = new HashSet<>();
    boolean crowded;
    long heldBytes;
    int blocksRead;
    private long lastTicket;
    private long exchanges;

    DrivenReplica(Member self) {
        this(self, RecoveredState.empty(PG));
    }

    DrivenReplica(Member self, RecoveredState recovered) {
        replica = new Replica(ReplicaSettings.DEFAULT, self, recovered, this, this, this, pace, 0);
    }

    static Member member(int number) {
        return new Member(new StoreId(new UUID(number, number)), 1);
    }

    static Configuration configuration(long version, Member primary, List<Member> members) {
        List<StoreId> wanted = members.stream().map(Member::store).toList();
        return new Configuration(PG, version, primary, members, wanted, 1);
    }

    static Mutation.Write write(int block) {
        ByteBuffer payload = ByteBuffer.allocate(8).putLong(0, block);
        return new Mutation.Write(
                List.of(new VolumeId(7)),
                0,
                block * ChunkKey.BLOCK_BYTES,
                payload,
                ByteBuffer.allocate(0));
    }

    /// A client's write; returns its exchange.
    long write(long session, long requestSequence, long lowestUnfinished) {
        return write(session, requestSequence, lowestUnfinished, write(0));
    }

    /// A client's write; returns its exchange.
    long write(long session, long requestSequence, long lowestUnfinished, Mutation.Write write) {
        exchanges++;
        replica.onRequest(
                exchanges,
                new WriteBlocks(PG, 0, session, requestSequence, lowestUnfinished, 0, write),
                0);
        return exchanges;
    }

    /// All that was journaled becomes durable.
    void becomeDurable() {
        replica.onDurable(lastTicket, 0);
    }

    /// The disk has no chunk of the group.
    void listNothing() {
        replica.onChunkList(lastTicket, List.of(), true, 0);
    }

    /// What the disk was asked for last is done.
    void endWork() {
        replica.onDone(lastTicket, 0);
    }

    /// The messages of a type, in order.
    <M extends ReplicaMessage> List<M> sent(Class<M> type) {
        return sent.stream().map(Sent::message).filter(type::isInstance).map(type::cast).toList();
    }

    /// The answer to an exchange.
    Optional<StorageMessage.Answer> answerTo(long exchange) {
        return answers.stream()
                .filter(a -> a.exchange() == exchange)
                .map(Answered::answer)
                .findFirst();
    }

    @Override
    public void countHeld(long bytes) {
        heldBytes = bytes;
    }

    @Override
    public boolean isCrowded() {
        return crowded;
    }

    @Override
    public void append(long ticket, JournalRecord record) {
        journal.add(record);
        lastTicket = ticket;
    }

    @Override
    public void apply(Entry entry) {
        applied.add(entry);
    }

    @Override
    public int busyPercent(long nowNanos) {
        return 0;
    }

    @Override
    public void leaveOut(Entry entry) {}

    @Override
    public void applyLate(Entry entry) {
        applied.add(entry);
    }

    @Override
    public void send(StoreId to, ReplicaMessage message) {
        sent.add(new Sent(to, message));
    }

    @Override
    public void reply(long exchange, StorageMessage.Answer answer) {
        answers.add(new Answered(exchange, answer));
    }

    // What a test does not ask for does not happen.

    @Override
    public void read(long ticket, ReadBlocks request) {}

    @Override
    public void map(long ticket, MapBlocks request) {}

    @Override
    public void listChunks(long ticket, Optional<ChunkKey> after) {
        lastTicket = ticket;
    }

    @Override
    public void readChunk(long ticket, ChunkKey key) {}

    @Override
    public void readBlock(long ticket, DamagedBlock block) {
        blocksRead++;
        var stamp = new ChunkStamp(block.key(), 1, 0);
        replica.onChunk(ticket, Optional.of(new ChunkContent(stamp, List.of())), 0);
    }

    @Override
    public void verify(long ticket, ChunkKey key, int fromBlock, ByteBuffer scratch) {}

    @Override
    public void digestMaps(long ticket, Optional<ChunkKey> after) {}

    @Override
    public void repairBlock(long ticket, DamagedBlock block, ChunkContent copy) {}

    @Override
    public void installChunk(long ticket, ChunkContent content) {
        lastTicket = ticket;
    }

    @Override
    public void deleteChunk(long ticket, ChunkKey key) {}

    @Override
    public void settle(long ticket) {
        lastTicket = ticket;
    }

    @Override
    public void dropAll(long ticket) {}

    @Override
    public void propose(Configuration expected, Configuration next) {
        proposals.add(next);
    }

    @Override
    public void readConfiguration() {}

    @Override
    public void tellDamage(String what, boolean repaired) {}

    @Override
    public void tell(String transition) {}

    @Override
    public boolean isHeld(Member from, long nowNanos) {
        return !lapsed.contains(from);
    }

    @Override
    public long generation(Member from) {
        return 1;
    }

    @Override
    public long lastAnsweredNanos(StoreId primary) {
        return 0;
    }

    @Override
    public long newestIncarnation(StoreId store) {
        return 1;
    }

    @Override
    public long freeBytes(StoreId store) {
        return Long.MAX_VALUE;
    }

    @Override
    public int slowPercent(StoreId store) {
        return 0;
    }

    @Override
    public boolean hasEnded(Member life) {
        return false;
    }

    @Override
    public boolean isSelfLate(long nowNanos) {
        return false;
    }
}
