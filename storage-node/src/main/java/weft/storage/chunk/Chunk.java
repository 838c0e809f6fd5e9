package weft.storage.chunk;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;
import weft.wire.storage.ChunkStamp;

import java.io.IOException;
import java.nio.ByteBuffer;

/// One layer's part of one chunk, as [ChunkStore] keeps it: always its stamp, and its map while it
/// is in use.
final class Chunk {
    /// As stored: generation (8), version (8), sequence (8), stored blocks (4).
    private static final int RECORD_BYTES = 3 * Long.BYTES + Integer.BYTES;

    final ChunkKey key;
    final long generation;
    long version;
    long sequence;
    int storedBlocks;

    /// Of its file, once it was asked for: each write names the file to the next checkpoint.
    @Nullable String path;

    /// Changed since the last checkpoint took it; its map must then stay loaded.
    boolean dirty;

    /// Taken by a checkpoint that has not saved it yet: the metadata have an older map.
    boolean saving;

    /// Loaded by [ChunkCache]; never null while dirty or saving.
    @Nullable BlockMap map;

    /// What must not be written in its file beside what the map names; null: nothing.
    @Nullable FileBlocks file;

    /// Blocks that take space in its file beside those stored.
    int extraBlocks;

    /// Of these what was kept for large writes to come, when its [#file] was last settled.
    int spareBlocks;

    /// Found at a start: its file may have blocks that nothing names, whose space a crash kept from
    /// being given back. They are given back when its [#file] is settled for the first time.
    boolean unswept;

    /// Whether its file was looked at in this life: see [ChunkCache#examine].
    boolean examined;

    /// Whether the file's name is known to be durable. Set by data writers, too: they force the
    /// folder while a record that names the file waits, and then nobody deletes the file.
    volatile boolean named;

    Chunk(ChunkKey key, long generation) {
        this.key = key;
        this.generation = generation;
    }

    ChunkStamp stamp() {
        return new ChunkStamp(key, version, sequence);
    }

    byte[] encodeStamp() {
        return ByteBuffer.allocate(RECORD_BYTES)
                .putLong(generation)
                .putLong(version)
                .putLong(sequence)
                .putInt(storedBlocks)
                .array();
    }

    static Chunk decode(ChunkKey key, byte[] stamp) throws IOException {
        if (stamp.length != RECORD_BYTES) {
            throw new IOException("chunk %s: a stamp of %d bytes".formatted(key, stamp.length));
        }
        ByteBuffer in = ByteBuffer.wrap(stamp);
        var chunk = new Chunk(key, in.getLong());
        chunk.version = in.getLong();
        chunk.sequence = in.getLong();
        chunk.storedBlocks = in.getInt();
        chunk.named = chunk.storedBlocks > 0;
        chunk.unswept = true;
        return chunk;
    }
}
