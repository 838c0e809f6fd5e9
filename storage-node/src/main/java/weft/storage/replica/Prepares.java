package weft.storage.replica;

import weft.fabric.Member;
import weft.runtime.BrokenInvariant;
import weft.wire.storage.Entry;
import weft.wire.storage.ReplicaMessage.Prepare;
import weft.wire.storage.ReplicaMessage.PrepareAck;

/// How members and joiners take a Prepare: in sequence order, once, and acknowledged as far as the
/// journal is durable.
final class Prepares {
    private Prepares() {}

    /// Takes the entry if it is the next one.
    static void take(ReplicaState state, Prepare prepare, Member primary) {
        PreparedList list = state.list;
        Entry entry = prepare.entry();
        long sequence = entry.sequence();
        if (sequence == list.tail() + 1) {
            // The primary keeps to its window; a joiner may have twice that while it copies.
            boolean full =
                    list.openCount() >= 2L * state.settings.windowEntriesMax()
                            || list.openBytes() >= 2 * state.settings.windowBytesMax();
            if (!full) {
                state.prepare(entry);
            }
            return;
        }
        if (sequence > list.tail()) {
            acknowledge(state, primary, true);
            return;
        }
        if (list.has(sequence) && list.get(sequence).version() != entry.version()) {
            throw new BrokenInvariant(
                    "%s: entry %d is of v%d here and of v%d at the primary"
                            .formatted(
                                    state.pg,
                                    sequence,
                                    list.get(sequence).version(),
                                    entry.version()));
        }
        if (sequence <= list.durable()) {
            acknowledge(state, primary, false);
        }
    }

    /// Tells the primary what is durable.
    static void acknowledge(ReplicaState state, Member primary, boolean lacking) {
        if (state.versionDurable < state.current().version()) {
            return;
        }
        state.outbox.send(
                primary.store(),
                new PrepareAck(state.pg, state.current().version(), state.list.durable(), lacking));
    }
}
