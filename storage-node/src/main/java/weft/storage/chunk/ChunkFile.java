package weft.storage.chunk;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.storage.disk.Disk;
import weft.storage.disk.DiskFile;
import weft.storage.disk.FileHeader;
import weft.storage.disk.StoreIdentity;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.util.List;

/// The sparse file with the stored blocks of one layer of one chunk: a [FileHeader] of kind CHNK,
/// then block n of the file at 4096 × (n + 1). Which block of the chunk that is, its [BlockMap]
/// says: at first the one with the same number.
///
/// The header's own fields: group (4), layer (8), chunk index (8), generation (8). A chunk that is
/// replaced as a whole (catch-up) gets a file of a new generation, and the old one is deleted when
/// the maps say so durably: a crash in between leaves either chunk, never a mixture.
final class ChunkFile implements Closeable {
    private static final String FOLDER = "chunks";

    private final DiskFile file;

    private ChunkFile(DiskFile file) {
        this.file = file;
    }

    /// What names a chunk file.
    record Name(PlacementGroupId pg, ChunkKey key, long generation) {
        String path() {
            return "%s/%d-%d.%d"
                    .formatted(folderOf(pg), key.layer().value(), key.chunkIndex(), generation);
        }
    }

    static String folderOf(PlacementGroupId pg) {
        return "%s/%d".formatted(FOLDER, pg.value());
    }

    /// The folders whose entries lead to a file in this one, innermost first.
    static List<String> foldersTo(String folder) {
        return List.of(folder, FOLDER, "");
    }

    /// Opens the file; makes it, header included, if absent.
    static ChunkFile open(Disk disk, StoreIdentity identity, Name name) throws IOException {
        DiskFile file = disk.open(name.path(), Disk.Use.BUFFERED);
        try {
            if (file.sizeBytes() < FileHeader.SIZE_BYTES) {
                file.write(headerOf(identity, name), 0);
            }
            return new ChunkFile(file);
        } catch (IOException e) {
            file.close();
            throw e;
        }
    }

    private static ByteBuffer headerOf(StoreIdentity identity, Name name) {
        ByteBuffer own = ByteBuffer.allocate(Integer.BYTES + 3 * Long.BYTES);
        own.putInt(name.pg().value()).putLong(name.key().layer().value());
        own.putLong(name.key().chunkIndex()).putLong(name.generation()).flip();
        ByteBuffer block = ByteBuffer.allocate(FileHeader.SIZE_BYTES);
        new FileHeader(FileHeader.Kind.CHNK, identity, own).emit(block);
        return block.flip();
    }

    /// Fills the buffer like [#read]; the file must exist.
    static void readPlace(Disk disk, String path, int firstBlock, ByteBuffer into)
            throws IOException {
        try (var file = new ChunkFile(disk.open(path, Disk.Use.READ))) {
            file.read(firstBlock, into);
        }
    }

    /// Fills the buffer like [#read], with what the device has.
    static void readDevice(Disk disk, String path, int firstBlock, ByteBuffer into)
            throws IOException {
        if (disk.exists(path)) {
            try (var file = new ChunkFile(disk.open(path, Disk.Use.READ_DEVICE))) {
                file.read(firstBlock, into);
            }
        }
        while (into.hasRemaining()) {
            into.put((byte) 0);
        }
    }

    /// Fills the buffer with the bytes of the file's blocks from `firstBlock` on; what the file has
    /// not is zeroes.
    void read(int firstBlock, ByteBuffer into) throws IOException {
        file.read(into, positionOf(firstBlock));
        while (into.hasRemaining()) {
            into.put((byte) 0);
        }
    }

    /// Writes whole blocks; the buffer's position does not move.
    void write(int firstBlock, ByteBuffer blocks) throws IOException {
        assert blocks.remaining() % ChunkKey.BLOCK_BYTES == 0;
        file.write(blocks.duplicate(), positionOf(firstBlock));
    }

    /// The file's length, without its header.
    int sizeBlocks() throws IOException {
        return sizeBlocks(file);
    }

    /// The same of a file that is not open; 0 if there is none.
    static int sizeBlocks(Disk disk, String path) throws IOException {
        try (DiskFile file = disk.open(path, Disk.Use.READ)) {
            return sizeBlocks(file);
        } catch (NoSuchFileException e) {
            return 0;
        }
    }

    private static int sizeBlocks(DiskFile file) throws IOException {
        long blocks = file.sizeBytes() / ChunkKey.BLOCK_BYTES - 1;
        return Math.clamp(blocks, 0, FileBlocks.BLOCKS_MAX);
    }

    /// Gives the space of the file's blocks `[from, to)` back.
    void punch(int from, int to) throws IOException {
        file.punch(positionOf(from), (long) (to - from) * ChunkKey.BLOCK_BYTES);
    }

    static long positionOf(int block) {
        return (long) (block + 1) * ChunkKey.BLOCK_BYTES;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
