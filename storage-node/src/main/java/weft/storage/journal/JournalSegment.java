package weft.storage.journal;

import weft.storage.disk.Disk;
import weft.storage.disk.DiskFile;
import weft.storage.disk.FileHeader;
import weft.storage.disk.StoreIdentity;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;

/// One use of a segment file.
///
/// Its header (a [FileHeader] of kind JRNL) has as its own fields {epoch (8), sequence of the first
/// group (8)} and is written anew at each use, durable before the first group of that use.
///
/// @param epoch counts the uses of all segment files of a store, without gaps; a file that waits
///   for its first use has epoch 0
/// @param firstSequence the group sequence it begins with
/// @param fileNumber the file it lies in
record JournalSegment(long epoch, long firstSequence, int fileNumber) {
    static final String FOLDER = "journal";
    static final long FIRST_EPOCH = 1;

    private static final int OWN_BYTES = 2 * Long.BYTES;
    private static final String SUFFIX = ".seg";

    /// A file that waits for its first use.
    static JournalSegment spare(int fileNumber) {
        return new JournalSegment(0, 0, fileNumber);
    }

    String fileName() {
        return "%s/%08d%s".formatted(FOLDER, fileNumber, SUFFIX);
    }

    /// The number of a segment file, or empty for a stray file.
    static Optional<Integer> fileNumberOf(String name) {
        if (!name.matches("\\d{8}\\.seg")) {
            return Optional.empty();
        }
        return Optional.of(Integer.parseInt(name.substring(0, name.length() - SUFFIX.length())));
    }

    ByteBuffer header(StoreIdentity identity) {
        ByteBuffer own = ByteBuffer.allocate(OWN_BYTES);
        own.putLong(epoch).putLong(firstSequence).flip();
        ByteBuffer block =
                ByteBuffer.allocateDirect(FileHeader.SIZE_BYTES + Disk.ALIGNMENT_BYTES)
                        .alignedSlice(Disk.ALIGNMENT_BYTES);
        new FileHeader(FileHeader.Kind.JRNL, identity, own).emit(block);
        return block.flip();
    }

    /// The use a segment file is in; empty if its header is damaged, which a crash while it was
    /// being recycled explains.
    ///
    /// @throws IOException if the file belongs to another store
    static Optional<JournalSegment> read(Disk disk, StoreIdentity identity, int fileNumber)
            throws IOException {
        ByteBuffer block = ByteBuffer.allocate(FileHeader.SIZE_BYTES);
        String name = spare(fileNumber).fileName();
        try (DiskFile file = disk.open(name, Disk.Use.READ)) {
            file.read(block, 0);
        }
        return switch (FileHeader.parse(FileHeader.Kind.JRNL, identity, block.flip())) {
            case FileHeader.Outcome.Valid(FileHeader header)
                    when header.own().remaining() == OWN_BYTES ->
                    Optional.of(
                            new JournalSegment(
                                    header.own().getLong(0),
                                    header.own().getLong(Long.BYTES),
                                    fileNumber));
            case FileHeader.Outcome.Valid _, FileHeader.Outcome.Damaged _ -> Optional.empty();
            case FileHeader.Outcome.Foreign(String why) ->
                    throw new IOException("refused: journal file %s %s".formatted(name, why));
            case FileHeader.Outcome.OtherFormat(String why) ->
                    throw new IOException("refused: journal file %s %s".formatted(name, why));
        };
    }
}
