package weft.storage.catchup;

import weft.fabric.ChunkKey;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/// The entries that wait for one chunk's copy, on the heap. Their bytes are bounded by the chunk's
/// size rather than by how long it takes, if need be: what later ones overwrite is dropped.
final class HeldEntries {
    private List<Entry> entries = new ArrayList<>();
    private long bytes;

    /// All, in ascending sequence.
    List<Entry> entries() {
        return entries;
    }

    /// Of their payloads.
    long bytes() {
        return bytes;
    }

    void add(Entry entry) {
        entries.add(entry.onHeap());
        bytes += bytesOf(entry);
    }

    void clear() {
        entries = new ArrayList<>();
        bytes = 0;
    }

    static long bytesOf(Entry entry) {
        return switch (entry.mutation()) {
            case Mutation.Write write -> write.lengthBytes();
            case Mutation.Fill fill -> fill.lengthBytes();
            default -> 0;
        };
    }

    /// Drops payloads of which every block is written as a whole by later entries. What is left
    /// makes the same blocks, each entry by itself, too.
    void dropOverwritten() {
        BitSet overwritten = new BitSet(ChunkKey.CHUNK_BLOCKS);
        List<Entry> kept = new ArrayList<>();
        for (Entry entry : entries.reversed()) {
            var change = (Mutation.OfChunk) entry.mutation();
            int end = change.offsetInChunk() + change.lengthBytes();
            int firstTouched = change.offsetInChunk() / ChunkKey.BLOCK_BYTES;
            int endTouched = Math.ceilDiv(end, ChunkKey.BLOCK_BYTES);
            if (bytesOf(entry) > 0 && overwritten.nextClearBit(firstTouched) >= endTouched) {
                bytes -= bytesOf(entry);
                continue;
            }
            kept.add(entry);
            // The blocks that it completes depend on what is before it.
            overwritten.clear(firstTouched, endTouched);
            int first = Math.ceilDiv(change.offsetInChunk(), ChunkKey.BLOCK_BYTES);
            int last = end / ChunkKey.BLOCK_BYTES;
            boolean isWhole = change instanceof Mutation.Write || change instanceof Mutation.Zero;
            if (isWhole && first < last) {
                overwritten.set(first, last);
            }
        }
        entries = new ArrayList<>(kept.reversed());
    }
}
