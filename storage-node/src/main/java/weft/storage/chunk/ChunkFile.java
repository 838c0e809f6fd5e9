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
import java.util.Optional;

/// The sparse file with the stored blocks of one layer of one chunk: a [FileHeader] of kind CHNK,
/// then block n of the file at 4096 × (n + 1). Which block of the chunk that is, its [BlockMap]
/// says: at first the one with the same number.
///
/// The header's own fields: group (4), layer (8), chunk index (8), generation (8). A chunk that is
/// replaced as a whole (catch-up) gets a file of a new generation, and the old one is deleted when
/// the maps say so durably: a crash in between leaves either chunk, never a mixture.
///
/// The header is looked at when the file is opened for the first time in a life. It is forced no
/// earlier than what it heads: a file that was made right before a crash may have none.
final class ChunkFile implements Closeable {
    private static final String FOLDER = "chunks";
    private static final int OWN_BYTES = Integer.BYTES + 3 * Long.BYTES;

    private final DiskFile file;

    private final boolean isNew;

    private ChunkFile(DiskFile file, boolean isNew) {
        this.file = file;
        this.isNew = isNew;
    }

    /// What names a chunk file.
    record Name(PlacementGroupId pg, ChunkKey key, long generation) {
        String path() {
            return pathOf(pg.value(), key.layer().value(), key.chunkIndex(), generation);
        }
    }

    private static String pathOf(int pg, long layer, long chunkIndex, long generation) {
        return "%s/%d/%d-%d.%d".formatted(FOLDER, pg, layer, chunkIndex, generation);
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
            boolean isNew = file.sizeBytes() < FileHeader.SIZE_BYTES;
            if (isNew) {
                file.write(headerOf(identity, name), 0);
            }
            return new ChunkFile(file, isNew);
        } catch (IOException e) {
            file.close();
            throw e;
        }
    }

    /// Whether there was no such file, or one without a whole header.
    boolean isNew() {
        return isNew;
    }

    /// What a first look at a file finds.
    ///
    /// @param why it is not the file that was left; empty if it is
    /// @param isForeign it is another store's or another chunk's, which no crash explains
    record Finding(Optional<String> why, boolean isForeign) {
        private static final Finding SOUND = new Finding(Optional.empty(), false);

        private static Finding damaged(String why) {
            return new Finding(Optional.of(why), false);
        }

        private static Finding foreign(String why) {
            return new Finding(Optional.of(why), true);
        }
    }

    /// Looks at the header, and writes it anew if it is not this chunk's: what the file's blocks
    /// are worth, their checksums say.
    ///
    /// @throws IOException if it is of a format that this node does not read
    Finding look(StoreIdentity identity, Name name) throws IOException {
        if (isNew) {
            return Finding.damaged("was missing or shorter than its header");
        }
        Finding found = header(identity, name);
        if (found.why().isPresent()) {
            file.write(headerOf(identity, name), 0);
        }
        return found;
    }

    private Finding header(StoreIdentity identity, Name name) throws IOException {
        ByteBuffer block = ByteBuffer.allocate(FileHeader.SIZE_BYTES);
        try {
            file.read(block, 0);
        } catch (IOException e) {
            return Finding.damaged("has a header that cannot be read: " + e.getMessage());
        }
        return switch (FileHeader.parse(FileHeader.Kind.CHNK, identity, block.flip())) {
            case FileHeader.Outcome.Valid(FileHeader header)
                    when header.own().equals(ownOf(name)) ->
                    Finding.SOUND;
            case FileHeader.Outcome.Valid(FileHeader header) ->
                    Finding.foreign("is " + claimed(header.own()));
            case FileHeader.Outcome.Foreign(String why) -> Finding.foreign(why);
            case FileHeader.Outcome.Damaged(String why) ->
                    Finding.damaged("has a damaged header: " + why);
            case FileHeader.Outcome.OtherFormat(String why) ->
                    throw new IOException("refused: chunk file %s %s".formatted(name.path(), why));
        };
    }

    private static String claimed(ByteBuffer own) {
        return own.remaining() != OWN_BYTES
                ? "no chunk's"
                : pathOf(own.getInt(0), own.getLong(4), own.getLong(12), own.getLong(20));
    }

    private static ByteBuffer headerOf(StoreIdentity identity, Name name) {
        ByteBuffer block = ByteBuffer.allocate(FileHeader.SIZE_BYTES);
        new FileHeader(FileHeader.Kind.CHNK, identity, ownOf(name)).emit(block);
        return block.flip();
    }

    private static ByteBuffer ownOf(Name name) {
        ByteBuffer own = ByteBuffer.allocate(OWN_BYTES);
        own.putInt(name.pg().value()).putLong(name.key().layer().value());
        return own.putLong(name.key().chunkIndex()).putLong(name.generation()).flip();
    }

    /// Fills the buffer like [#read]; the file must exist.
    static void readPlace(Disk disk, String path, int firstBlock, ByteBuffer into)
            throws IOException {
        try (var file = new ChunkFile(disk.open(path, Disk.Use.READ), false)) {
            file.read(firstBlock, into);
        }
    }

    /// Fills the buffer like [#read], with what the device has.
    static void readDevice(Disk disk, String path, int firstBlock, ByteBuffer into)
            throws IOException {
        if (disk.exists(path)) {
            try (var file = new ChunkFile(disk.open(path, Disk.Use.READ_DEVICE), false)) {
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
