package weft.storage.disk;

import weft.fabric.ChunkKey;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.List;

/// A disk for large stores on small ones: of each block of a chunk file it keeps the first eight
/// bytes, of which the block must be a repetition. All else, headers and the journal too, is
/// another disk's as it is.
///
/// ```text
///   a chunk file     0 header   4096 block 0             8192 block 1 …
///   as it is kept    0 header   4096 8 bytes of block 0  4104 8 bytes of block 1 …
/// ```
public final class RepeatingDisk implements Disk {
    private static final int HEADER_BYTES = FileHeader.SIZE_BYTES;

    private final Disk below;

    /// @param below keeps what is left
    public RepeatingDisk(Disk below) {
        this.below = below;
    }

    /// Makes the block that this disk can keep.
    public static void repeat(long value, ByteBuffer block) {
        for (int at = 0; at < ChunkKey.BLOCK_BYTES; at += Long.BYTES) {
            block.putLong(value);
        }
    }

    @Override
    public DiskFile open(String name, Use use) throws IOException {
        if (!name.startsWith("chunks/")) {
            return below.open(name, use);
        }
        return new RepeatingFile(below.open(name, use == Use.READ_DEVICE ? Use.READ : use));
    }

    @Override
    public boolean exists(String name) {
        return below.exists(name);
    }

    @Override
    public List<String> list(String folder) throws IOException {
        return below.list(folder);
    }

    @Override
    public void createFolder(String folder) throws IOException {
        below.createFolder(folder);
    }

    @Override
    public void delete(String name) throws IOException {
        below.delete(name);
    }

    @Override
    public void forceFolder(String folder) throws IOException {
        below.forceFolder(folder);
    }

    @Override
    public void forceFiles(Collection<String> names) throws IOException {
        below.forceFiles(names);
    }

    @Override
    public long freeBytes() throws IOException {
        return below.freeBytes();
    }

    private record RepeatingFile(DiskFile kept) implements DiskFile {
        @Override
        public long sizeBytes() throws IOException {
            long size = kept.sizeBytes();
            return size <= HEADER_BYTES
                    ? size
                    : HEADER_BYTES + (size - HEADER_BYTES) / Long.BYTES * ChunkKey.BLOCK_BYTES;
        }

        @Override
        public int read(ByteBuffer into, long positionBytes) throws IOException {
            if (positionBytes < HEADER_BYTES) {
                return kept.read(into, positionBytes);
            }
            int blocks = blocks(into.remaining(), positionBytes);
            ByteBuffer values = ByteBuffer.allocate(blocks * Long.BYTES);
            kept.read(values, keptAt(positionBytes));
            values.flip();
            int found = 0;
            while (values.remaining() >= Long.BYTES) {
                repeat(values.getLong(), into);
                found += ChunkKey.BLOCK_BYTES;
            }
            return found;
        }

        @Override
        public void write(ByteBuffer from, long positionBytes) throws IOException {
            if (positionBytes < HEADER_BYTES) {
                kept.write(from, positionBytes);
                return;
            }
            int blocks = blocks(from.remaining(), positionBytes);
            ByteBuffer values = ByteBuffer.allocate(blocks * Long.BYTES);
            for (int i = 0; i < blocks; i++) {
                int at = from.position() + i * ChunkKey.BLOCK_BYTES;
                long value = from.getLong(at);
                if (value != from.getLong(at + ChunkKey.BLOCK_BYTES - Long.BYTES)) {
                    throw new IOException("a block that is no repetition cannot be kept");
                }
                values.putLong(value);
            }
            from.position(from.limit());
            kept.write(values.flip(), keptAt(positionBytes));
        }

        @Override
        public void force() throws IOException {
            kept.force();
        }

        @Override
        public void punch(long positionBytes, long lengthBytes) throws IOException {
            int blocks = blocks(Math.toIntExact(lengthBytes), positionBytes);
            long first = keptAt(positionBytes);
            long end = Math.min(kept.sizeBytes(), first + (long) blocks * Long.BYTES);
            if (end > first) {
                kept.write(ByteBuffer.allocate((int) (end - first)), first);
            }
        }

        private static int blocks(int lengthBytes, long positionBytes) {
            assert (lengthBytes | positionBytes) % ChunkKey.BLOCK_BYTES == 0;
            return lengthBytes / ChunkKey.BLOCK_BYTES;
        }

        private static long keptAt(long positionBytes) {
            return HEADER_BYTES
                    + (positionBytes - HEADER_BYTES) / ChunkKey.BLOCK_BYTES * Long.BYTES;
        }

        @Override
        public void close() throws IOException {
            kept.close();
        }
    }
}
