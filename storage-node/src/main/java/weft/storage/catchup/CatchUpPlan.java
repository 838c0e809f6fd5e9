package weft.storage.catchup;

import weft.fabric.ChunkKey;
import weft.fabric.VolumeId;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/// What a joining store still has to copy, and what to do with entries that commit meanwhile. Pure.
///
/// A chunk is *stale* (differs from the primary's), *under way* (asked for, or being installed) or
/// clean. An entry for a clean chunk is applied. For a stale one it is left out: the copy, taken
/// later than the entry's commit, holds it. For one under way it is held and applied on top of the
/// copy, which says by its stamp whether it has it already. So a copied chunk never goes back. One
/// that may need a chunk of another layer, which is not clean, is left out, and its chunk copied
/// (again) *later*, after all that are stale: a clone that is written would be copied again with
/// each write and keep the layers below it from being copied.
public final class CatchUpPlan {
    /// Chunks under way at once: one travels while one is written.
    public static final int UNDER_WAY_MAX = 2;

    /// What is held for a chunk under way is in memory. One with more is copied once more.
    static final long HELD_BYTES_MAX = 8 << 20;

    /// What to do with a committed entry.
    public enum Decision {
        /// Apply it now.
        APPLY,
        /// Apply it when its chunk is installed: [#installed] returns it.
        HOLD,
        /// The copy will hold it.
        SKIP
    }

    private final SortedMap<ChunkKey, ChunkStamp> own = new TreeMap<>();
    private final TreeSet<ChunkKey> stale = new TreeSet<>();
    private final Map<ChunkKey, HeldEntries> underWay = new HashMap<>();

    /// In the order of their coming, not of keys: what has to be copied once more waits for all
    /// others, or a clone's chunks would go round and round before the layers that they wait for.
    private final LinkedHashSet<ChunkKey> later = new LinkedHashSet<>();

    private final TreeSet<ChunkKey> again = new TreeSet<>();

    /// The last entry of a chunk that was left out: a copy from before it is not the one asked for.
    private final Map<ChunkKey, Long> leftOut = new HashMap<>();

    private boolean compared;

    /// Pages are read one after the other: of entries up to here each page may have had some.
    private long comparedTo;

    private long decidedTo;

    /// @param baseSequence the last entry that the store has taken over as a whole
    public CatchUpPlan(long baseSequence) {
        decidedTo = baseSequence;
    }

    /// A chunk this store has.
    public void addOwn(ChunkStamp stamp) {
        own.put(stamp.key(), stamp);
    }

    /// A page of the primary's chunks: ascending, after `after`, complete up to its last stamp, or
    /// to the end if `last`.
    ///
    /// @param committedSequence no later entry is in the page
    public void compare(
            Optional<ChunkKey> after, List<ChunkStamp> page, long committedSequence, boolean last) {
        comparedTo = Math.max(comparedTo, committedSequence);
        SortedMap<ChunkKey, ChunkStamp> range = own;
        if (!last && page.isEmpty()) {
            return;
        }
        if (!last) {
            range = new TreeMap<>(own.headMap(page.getLast().key()));
            ChunkStamp end = own.get(page.getLast().key());
            if (end != null) {
                range.put(end.key(), end);
            }
        }
        // What the primary lacks is stale here, too: the copy of nothing deletes it.
        stale.addAll(after.isPresent() ? above(range, after.get()) : range.keySet());
        for (ChunkStamp theirs : page) {
            if (theirs.equals(own.get(theirs.key()))) {
                stale.remove(theirs.key());
            } else {
                stale.add(theirs.key());
            }
        }
        compared |= last;
    }

    private static List<ChunkKey> above(SortedMap<ChunkKey, ChunkStamp> range, ChunkKey after) {
        return range.keySet().stream().filter(key -> key.compareTo(after) > 0).toList();
    }

    /// Whether all pages were compared.
    public boolean isCompared() {
        return compared;
    }

    /// Whether entries that pages may have are still to be decided.
    public boolean isBehind() {
        return compared && decidedTo < comparedTo;
    }

    /// Whether nothing is stale any more, nor can become so.
    public boolean isComplete() {
        return compared && decidedTo >= comparedTo && remainingCount() == 0;
    }

    /// Chunks still to copy.
    public int remainingCount() {
        return stale.size() + later.size() + underWay.size();
    }

    /// Whether there is one more to ask for, and not enough are under way.
    public boolean isToCopy() {
        return underWay.size() < UNDER_WAY_MAX && !(stale.isEmpty() && later.isEmpty());
    }

    /// The next chunk to ask for, now under way; empty if none [#isToCopy].
    public Optional<ChunkKey> next() {
        if (!isToCopy()) {
            return Optional.empty();
        }
        ChunkKey key = stale.isEmpty() ? later.removeFirst() : stale.removeFirst();
        underWay.put(key, new HeldEntries());
        return Optional.of(key);
    }

    /// Chunks asked for and not yet installed.
    public List<ChunkKey> underWay() {
        return List.copyOf(underWay.keySet());
    }

    /// Whether a copy may be what was asked for last. A request that was repeated has two answers,
    /// and the second may come when the chunk is asked for anew because of what was left out since.
    /// One that will be asked for anew takes any.
    ///
    /// @param committedSequence every entry up to it is in the copy. (Its stamp does not tell: an
    ///   entry may change nothing.)
    public boolean isRecent(ChunkKey key, long committedSequence) {
        return again.contains(key) || committedSequence >= leftOut.getOrDefault(key, 0L);
    }

    /// The chunk is as the primary had it. Returns the entries to apply on top, in order.
    public List<Entry> installed(ChunkKey key) {
        HeldEntries entries = underWay.remove(key);
        List<Entry> held = entries == null ? List.of() : entries.entries();
        if (again.remove(key)) {
            later.add(key);
            if (!held.isEmpty()) {
                leftOut.merge(key, held.getLast().sequence(), Math::max);
            }
            return List.of();
        }
        return held;
    }

    /// Payloads that [Decision#HOLD] keeps, on the heap.
    public long heldBytes() {
        long bytes = 0;
        for (HeldEntries held : underWay.values()) {
            bytes += held.bytes();
        }
        return bytes;
    }

    /// What to do with the next committed entry.
    ///
    /// @param mayHold whether there is memory for it; a chunk whose entry cannot be held is copied
    ///   once more
    public Decision decide(Entry entry, boolean mayHold) {
        decidedTo = entry.sequence();
        return switch (entry.mutation()) {
            case Mutation.RaiseToken _, Mutation.ForgetVolume _ -> Decision.APPLY;
            case Mutation.DropLayer drop -> {
                stale.removeIf(key -> key.layer().equals(drop.layer()));
                later.removeIf(key -> key.layer().equals(drop.layer()));
                leftOut.keySet().removeIf(key -> key.layer().equals(drop.layer()));
                // A copy on its way may be from before the drop, and entries held for another may
                // read the layer: ask once more after it.
                underWay.forEach((key, held) -> {
                    if (key.layer().equals(drop.layer()) || readsFrom(held, drop.layer())) {
                        again.add(key);
                        // A copy from before must not bring it back when none is to come any more.
                        leftOut.put(key, entry.sequence());
                    }
                });
                yield Decision.APPLY;
            }
            case Mutation.OfChunk change -> {
                Decision decision = decideChunk(entry, change, mayHold);
                if (decision == Decision.SKIP) {
                    leftOut.put(change.chunk(), entry.sequence());
                }
                yield decision;
            }
        };
    }

    private static boolean readsFrom(HeldEntries held, VolumeId layer) {
        return held.entries().stream()
                .anyMatch(entry ->
                        entry.mutation() instanceof Mutation.OfChunk change
                                && change.layers().contains(layer));
    }

    private Decision decideChunk(Entry entry, Mutation.OfChunk change, boolean mayHold) {
        ChunkKey key = change.chunk();
        HeldEntries held = underWay.get(key);
        if (change instanceof Mutation.CopyDown || change instanceof Mutation.Trim) {
            copyAgainWhatReads(key);
        }
        if (readsWhatIsMissing(entry, change)) {
            stale.remove(key);
            var _ = held == null ? later.add(key) : again.add(key);
            return Decision.SKIP;
        }
        if (held != null && !again.contains(key)) {
            return mayHold && hold(held, entry) ? Decision.HOLD : skipHeld(key, held);
        }
        return isToCome(key) ? Decision.SKIP : Decision.APPLY;
    }

    private static boolean hold(HeldEntries held, Entry entry) {
        held.add(entry);
        if (held.bytes() > HELD_BYTES_MAX) {
            held.dropOverwritten();
        }
        return held.bytes() <= HELD_BYTES_MAX;
    }

    private Decision skipHeld(ChunkKey key, HeldEntries held) {
        held.clear();
        again.add(key);
        return Decision.SKIP;
    }

    /// What is held for another chunk of this place may read what changes here.
    private void copyAgainWhatReads(ChunkKey key) {
        underWay.forEach((other, held) -> {
            if (!other.equals(key)
                    && other.chunkIndex() == key.chunkIndex()
                    && readsFrom(held, key.layer())) {
                again.add(other);
            }
        });
    }

    /// A partial block is completed from the layers below, and a layer is copied to another one:
    /// while what is read is not here, the result is copied. A layer that was dropped while pages
    /// were read is in no page, and here perhaps neither.
    private boolean readsWhatIsMissing(Entry entry, Mutation.OfChunk change) {
        if (entry.sequence() <= comparedTo && change.layers().size() > 1) {
            return true;
        }
        for (VolumeId layer : change.layers()) {
            var other = new ChunkKey(layer, change.chunkIndex());
            if (!other.equals(change.chunk()) && isToCome(other)) {
                return true;
            }
        }
        return false;
    }

    private boolean isToCome(ChunkKey key) {
        return stale.contains(key) || later.contains(key) || underWay.containsKey(key);
    }
}
