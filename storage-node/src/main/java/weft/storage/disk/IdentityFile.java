package weft.storage.disk;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.UUID;

/// The file that makes a folder a store.
public final class IdentityFile {
    /// Its name in the store's folder.
    public static final String NAME = "identity";

    private IdentityFile() {}

    /// The store that lives in this folder, or empty if none does yet.
    ///
    /// @throws IOException if the store belongs to another cluster, or the file is damaged
    public static Optional<StoreIdentity> read(Disk disk, UUID cluster) throws IOException {
        if (!disk.exists(NAME)) {
            return Optional.empty();
        }
        ByteBuffer block = ByteBuffer.allocate(FileHeader.SIZE_BYTES);
        try (DiskFile file = disk.open(NAME, Disk.Use.READ)) {
            file.read(block, 0);
        }
        block.clear();
        var expected = new StoreIdentity(cluster, FileHeader.claimedStore(block));
        return switch (FileHeader.parse(FileHeader.Kind.IDNT, expected, block)) {
            case FileHeader.Outcome.Valid valid -> Optional.of(valid.header().identity());
            case FileHeader.Outcome.Foreign(String why) ->
                    throw new IOException("refused: the store in this folder " + why);
            case FileHeader.Outcome.OtherFormat(String why) ->
                    throw new IOException("refused: the store in this folder " + why);
            case FileHeader.Outcome.Damaged(String why) ->
                    throw new IOException(
                            "the store's file '%s' is damaged: %s".formatted(NAME, why));
        };
    }

    /// Makes the folder a store: durable when it returns.
    public static void write(Disk disk, StoreIdentity identity) throws IOException {
        ByteBuffer block = ByteBuffer.allocate(FileHeader.SIZE_BYTES);
        new FileHeader(FileHeader.Kind.IDNT, identity, ByteBuffer.allocate(0)).emit(block);
        try (DiskFile file = disk.open(NAME, Disk.Use.BUFFERED)) {
            file.write(block.flip(), 0);
            file.force();
        }
        disk.forceFolder("");
    }
}
