package weft.storage.replica;

import org.jspecify.annotations.Nullable;

import weft.runtime.BrokenInvariant;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

/// The entries a replica has prepared, in sequence order, with their memory, and how far they are
/// committed and durable.
///
/// ```text
///      kept for learners │ committed ≤ base │ open: may be committed elsewhere
///   ──(first)────────────────────(base)──────────────(durable)──────(tail)──►
/// ```
///
/// Invariant: first ≤ base ≤ durable ≤ tail, except that what was recovered is durable from the
/// start.
final class PreparedList {
    /// An entry and the ticket of its journal record.
    private record Slot(Entry entry, long ticket) {}

    private @Nullable Slot[] ring = new @Nullable Slot[64];
    private long first;
    private long base;
    private long durable;
    private long tail;
    private long openBytes;
    private long bytes;

    /// An empty list whose next entry is `base` + 1.
    PreparedList(long base) {
        restart(base);
    }

    /// Forgets all entries; the next is `newBase` + 1.
    void restart(long newBase) {
        for (Slot slot : ring) {
            if (slot != null) {
                slot.entry().mutation().memory().release();
            }
        }
        ring = new @Nullable Slot[64];
        first = newBase;
        base = newBase;
        durable = newBase;
        tail = newBase;
        openBytes = 0;
        bytes = 0;
    }

    /// The last committed sequence.
    long committed() {
        return base;
    }

    /// The last sequence up to which all entries are in the journal.
    long durable() {
        return durable;
    }

    /// The last prepared sequence.
    long tail() {
        return tail;
    }

    /// Entries not yet committed.
    long openCount() {
        return tail - base;
    }

    /// Their payload bytes.
    long openBytes() {
        return openBytes;
    }

    /// The entry of a sequence that is still here.
    Entry get(long sequence) {
        Slot slot = slot(sequence);
        if (slot == null) {
            throw new BrokenInvariant(sequence + " is not in " + this);
        }
        return slot.entry();
    }

    /// Whether the entry is still here.
    boolean has(long sequence) {
        return sequence > first && sequence <= tail;
    }

    private @Nullable Slot slot(long sequence) {
        return has(sequence) ? ring[(int) (sequence & (ring.length - 1))] : null;
    }

    /// Adds the next entry, made durable by the journal record with this ticket.
    void append(Entry entry, long ticket) {
        if (entry.sequence() != tail + 1) {
            throw new BrokenInvariant(entry.sequence() + " does not follow " + this);
        }
        if (tail + 1 - first > ring.length) {
            grow();
        }
        tail++;
        entry.mutation().memory().retain();
        ring[(int) (tail & (ring.length - 1))] = new Slot(entry, ticket);
        openBytes += payloadBytes(entry);
        bytes += payloadBytes(entry);
    }

    private void grow() {
        @Nullable Slot[] larger = new @Nullable Slot[ring.length * 2];
        for (long sequence = first + 1; sequence <= tail; sequence++) {
            larger[(int) (sequence & (larger.length - 1))] = slot(sequence);
        }
        ring = larger;
    }

    /// Every journal record up to the ticket is durable. Returns whether [#durable()] moved.
    boolean onDurable(long ticket) {
        long before = durable;
        Slot next = slot(durable + 1);
        while (next != null && next.ticket() <= ticket) {
            durable++;
            next = slot(durable + 1);
        }
        return durable != before;
    }

    /// Commits the next entry and returns it; it stays until [#release].
    Entry commitNext() {
        if (base >= durable) {
            throw new BrokenInvariant("commit beyond what is durable: " + this);
        }
        base++;
        Entry entry = get(base);
        openBytes -= payloadBytes(entry);
        return entry;
    }

    /// Drops open entries above the sequence.
    void truncateAfter(long sequence) {
        if (sequence < base) {
            throw new BrokenInvariant("truncate after " + sequence + " in " + this);
        }
        while (tail > sequence) {
            Entry entry = get(tail);
            openBytes -= payloadBytes(entry);
            bytes -= payloadBytes(entry);
            ring[(int) (tail & (ring.length - 1))] = null;
            entry.mutation().memory().release();
            tail--;
        }
        durable = Math.min(durable, tail);
    }

    /// Lets go of committed entries up to the sequence, and of older ones while more than
    /// `bytesMax` are kept.
    void release(long sequence, long bytesMax) {
        while (first < base && (first < sequence || bytes - openBytes > bytesMax)) {
            Entry entry = get(first + 1);
            bytes -= payloadBytes(entry);
            ring[(int) ((first + 1) & (ring.length - 1))] = null;
            entry.mutation().memory().release();
            first++;
        }
    }

    private static long payloadBytes(Entry entry) {
        return switch (entry.mutation()) {
            case Mutation.Write write -> write.lengthBytes();
            case Mutation.Fill fill -> fill.lengthBytes();
            default -> 0;
        };
    }

    @Override
    public String toString() {
        return "(%d: committed %d, durable %d, tail %d)".formatted(first, base, durable, tail);
    }
}
