package weft.storage.replica;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.ReplicaMessage.BlockReply;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Blocks that other members ask for, because their copies are damaged.
final class BlockReads {
    /// Blocks being read; who asks for more asks again.
    private static final int READS_MAX = 64;

    private record Asked(Member by, DamagedBlock block) {}

    private final ReplicaState state;
    private final Configuration configuration;
    private final Map<Long, Asked> reads = new HashMap<>();

    /// Those that wait until the block is repaired here, too: asked for again meanwhile.
    private final Set<Asked> afterRepair = new HashSet<>();

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
        boolean isKnown = reads.containsValue(asked) || afterRepair.contains(asked);
        if (reads.size() < READS_MAX && !isKnown) {
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
        Asked asked = reads.remove(ticket);
        if (asked == null) {
            return Optional.empty();
        }
        afterRepair.add(asked);
        return Optional.of(new AfterRepair(asked));
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
            afterRepair.remove(asked);
            begin(asked);
        }

        @Override
        public void lost(String detail) {
            afterRepair.remove(asked);
            answer(asked, Optional.empty());
        }

        /// Nobody knows: no answer, and who asked comes again.
        @Override
        public void unanswered(String detail) {
            afterRepair.remove(asked);
        }
    }
}
