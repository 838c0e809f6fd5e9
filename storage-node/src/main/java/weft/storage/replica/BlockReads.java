package weft.storage.replica;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.ReplicaMessage.BlockReply;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// Blocks that other members ask for, because their copies are damaged.
final class BlockReads {
    /// Blocks being read; who asks for more asks again.
    private static final int READS_MAX = 64;

    private record Asked(Member by, DamagedBlock block) {}

    private final ReplicaState state;
    private final Configuration configuration;
    private final Map<Long, Asked> reads = new HashMap<>();

    BlockReads(ReplicaState state, Configuration configuration) {
        this.state = state;
        this.configuration = configuration;
    }

    /// Reads the block for another member, unless that is being done.
    void begin(Member by, DamagedBlock block) {
        if (configuration.members().contains(by)) {
            begin(new Asked(by, block));
        }
    }

    private void begin(Asked asked) {
        if (reads.size() < READS_MAX && !reads.containsValue(asked)) {
            long ticket = state.nextTicket();
            reads.put(ticket, asked);
            state.disk.readBlock(ticket, asked.block());
        }
    }

    /// What was read. A chunk that is not here is no answer: it may be on its way.
    void onChunk(long ticket, Optional<ChunkContent> content) {
        Asked asked = reads.remove(ticket);
        if (asked != null && content.isPresent()) {
            answer(asked, content);
        }
    }

    /// The block is damaged here, too. Answers who waits for its repair; empty if nobody.
    Optional<BlockRepairs.Waiting> onDamaged(long ticket) {
        return Optional.ofNullable(reads.remove(ticket)).map(AfterRepair::new);
    }

    private void answer(Asked asked, Optional<ChunkContent> content) {
        state.outbox.send(
                asked.by().store(),
                new BlockReply(state.pg, configuration.version(), asked.block(), content));
    }

    private final class AfterRepair implements BlockRepairs.Waiting {
        private final Asked asked;

        AfterRepair(Asked asked) {
            this.asked = asked;
        }

        @Override
        public void repaired() {
            begin(asked);
        }

        @Override
        public void lost(String detail) {
            answer(asked, Optional.empty());
        }
    }
}
