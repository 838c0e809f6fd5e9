package weft.storage.simulation;

import weft.storage.replica.ReplicaDisk;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.MapPage;

import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.LongConsumer;

/// What a store says of one group, to the checker's look that asked or to the replica.
final class StoreAnswers implements ReplicaDisk.Events {
    /// The way to the replica.
    @FunctionalInterface
    interface Way {
        /// @param isPrompt else it takes as long as the disk does
        void later(boolean isPrompt, Consumer<ReplicaDisk.Events> event);
    }

    private final StoreLook look;
    private final LongConsumer durable;
    private final Way tell;

    /// @param durable is told of tickets first
    StoreAnswers(StoreLook look, LongConsumer durable, Way tell) {
        this.look = look;
        this.durable = durable;
        this.tell = tell;
    }

    @Override
    public void onDurable(long ticket) {
        durable.accept(ticket);
        tell.later(true, events -> events.onDurable(ticket));
    }

    @Override
    public void onRead(long ticket, ReplicaDisk.ReadOutcome outcome) {
        tell.later(false, events -> events.onRead(ticket, outcome));
    }

    @Override
    public void onChunkList(long ticket, List<ChunkStamp> stamps, boolean last) {
        if (ticket == StoreLook.TICKET) {
            look.onChunkList(ticket, stamps, last);
        } else {
            tell.later(false, events -> events.onChunkList(ticket, stamps, last));
        }
    }

    @Override
    public void onChunk(long ticket, Optional<ChunkContent> content) {
        if (ticket == StoreLook.TICKET) {
            look.onChunk(ticket, content);
        } else {
            tell.later(false, events -> events.onChunk(ticket, content));
        }
    }

    @Override
    public void onDamaged(long ticket, DamagedBlock block) {
        if (ticket == StoreLook.TICKET) {
            look.onDamaged(ticket, block);
        } else {
            tell.later(false, events -> events.onDamaged(ticket, block));
        }
    }

    @Override
    public void onVerified(long ticket, int nextBlock, int blocks, List<DamagedBlock> damaged) {
        look.onVerified(ticket, nextBlock, blocks, damaged);
    }

    @Override
    public void onMaps(long ticket, MapPage page) {
        tell.later(false, events -> events.onMaps(ticket, page));
    }

    @Override
    public void onRepaired(long ticket, boolean fits) {
        tell.later(false, events -> events.onRepaired(ticket, fits));
    }

    @Override
    public void onDone(long ticket) {
        tell.later(false, events -> events.onDone(ticket));
    }

    @Override
    public void onFailed(long ticket, String detail) {
        tell.later(true, events -> events.onFailed(ticket, detail));
    }
}
