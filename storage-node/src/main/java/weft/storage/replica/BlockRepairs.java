package weft.storage.replica;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.StoreId;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.ReplicaMessage.BlockReply;
import weft.wire.storage.ReplicaMessage.BlockRequest;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Replaces damaged blocks of a member's copy by those of other members: a primary asks all others,
/// a secondary asks the primary, which repairs its own first if it must.
///
/// ```text
///   damaged ──ask the members──► a copy that fits ──written──► repaired: what waits goes on
///      ▲                             │ a copy from before or after: another write is under way
///      └──────── next ask ◄──────────┘
///      └ damaged at all of them ──► lost; none that fits in a hundred asks ──► what waits is refused
/// ```
///
/// Order: a copy fits if its chunk has the stamp that the own chunk has when the copy is written
/// (so that both hold the effect of the same entries), or if it has the very checksum that the
/// block should have. Writes to the chunk go on meanwhile; one that replaces the block repairs it.
final class BlockRepairs {
    private static final long ASK_MILLIS = 50;
    private static final int ASKS_MAX = 100;

    /// Who cannot go on without the block.
    interface Waiting {
        /// The block is good again; another one may not be.
        void repaired();

        /// It is damaged on all that were asked.
        void lost(String detail);

        /// No copy came that fits, but not all asked said that theirs is damaged, too.
        default void unanswered(String detail) {
            lost(detail);
        }

        /// The role ended before.
        default void givenUp() {}
    }

    private static final class Repair {
        final List<Waiting> waiting = new ArrayList<>();
        final Set<StoreId> damagedAt = new HashSet<>();
        int asks;
        long askedNanos;
    }

    private final ReplicaState state;
    private final Configuration configuration;
    private final List<Member> asked;
    private final Map<DamagedBlock, Repair> repairs = new HashMap<>();
    private final Map<Long, DamagedBlock> writes = new HashMap<>();

    /// @param asked whose copies are taken
    BlockRepairs(ReplicaState state, Configuration configuration, List<Member> asked) {
        this.state = state;
        this.configuration = configuration;
        this.asked = List.copyOf(asked);
    }

    /// Begins to repair the block, or waits with those who wait already.
    void repair(DamagedBlock block, Waiting waiting, long nowNanos) {
        Repair known = repairs.get(block);
        if (known != null) {
            known.waiting.add(waiting);
            return;
        }
        var repair = new Repair();
        repair.waiting.add(waiting);
        repairs.put(block, repair);
        ask(block, repair, nowNanos);
    }

    private void ask(DamagedBlock block, Repair repair, long nowNanos) {
        List<StoreId> sources = new ArrayList<>();
        for (Member member : asked) {
            if (!repair.damagedAt.contains(member.store())) {
                sources.add(member.store());
            }
        }
        if (sources.isEmpty()) {
            lose(block, repair);
            return;
        }
        if (repair.asks == ASKS_MAX) {
            repairs.remove(block);
            String detail = "%s: no copy of %s that fits came".formatted(state.pg, block);
            repair.waiting.forEach(waiting -> waiting.unanswered(detail));
            return;
        }
        repair.asks++;
        repair.askedNanos = nowNanos;
        for (StoreId source : sources) {
            state.outbox.send(source, new BlockRequest(state.pg, configuration.version(), block));
        }
    }

    private void lose(DamagedBlock block, Repair repair) {
        repairs.remove(block);
        String detail = "%s: %s is intact on no member".formatted(state.pg, block);
        state.outbox.tellDamage(detail, false);
        repair.waiting.forEach(waiting -> waiting.lost(detail));
    }

    /// A member's copy, or that it has none.
    void onReply(Member from, BlockReply reply, long nowNanos) {
        Repair repair = repairs.get(reply.block());
        if (repair == null || !asked.contains(from)) {
            return;
        }
        if (reply.content().isEmpty()) {
            if (repair.damagedAt.add(from.store())) {
                ask(reply.block(), repair, nowNanos);
            }
            return;
        }
        ChunkContent content = reply.content().get();
        if (reply.block().isIn(content)) {
            long ticket = state.nextTicket();
            writes.put(ticket, reply.block());
            state.disk.repairBlock(ticket, reply.block(), content);
        }
    }

    /// See [ReplicaDisk.Events#onRepaired].
    void onWritten(long ticket, boolean fits) {
        DamagedBlock block = writes.remove(ticket);
        Repair repair = block == null || !fits ? null : repairs.remove(block);
        if (repair != null) {
            state.outbox.tellDamage(
                    "%s: %s replaced from another member".formatted(state.pg, block), true);
            repair.waiting.forEach(Waiting::repaired);
        }
    }

    /// Time passes.
    void onTick(long nowNanos) {
        for (var slot : List.copyOf(repairs.entrySet())) {
            if (nowNanos - slot.getValue().askedNanos >= ReplicaSettings.nanos(ASK_MILLIS)) {
                ask(slot.getKey(), slot.getValue(), nowNanos);
            }
        }
    }

    /// The role ends.
    void end() {
        List<Repair> open = List.copyOf(repairs.values());
        repairs.clear();
        open.forEach(repair -> repair.waiting.forEach(Waiting::givenUp));
    }
}
