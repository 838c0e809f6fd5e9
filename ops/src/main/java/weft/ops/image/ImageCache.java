package weft.ops.image;

import weft.fabric.FabricJson;

import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// Images that were made here, each in a folder named by what it was made from. A folder appears
/// whole or not at all.
public final class ImageCache {
    private static final String KERNEL = "kernel";
    private static final String INITRD = "initrd";
    private static final String ROOT = "root";
    private static final String RECORD = "image.json";

    private final Path folder;

    /// @param stateFolder the fabric's folder; the cache is `cache/images` in it
    public ImageCache(Path stateFolder) {
        folder = stateFolder.resolve("cache").resolve("images");
    }

    /// What stands in image.json.
    record Stored(String name, String digest, String bootArguments, String description) {}

    /// The three files' contents and how they are called.
    record Made(Stored stored, byte[] kernel, byte[] initrd, byte[] root) {}

    /// All images, the newest first.
    public List<ImageFiles> list() throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        var found = new ArrayList<Path>();
        try (Stream<Path> entries = Files.list(folder)) {
            entries.filter(entry -> Files.isRegularFile(entry.resolve(RECORD))).forEach(found::add);
        }
        found.sort(Comparator.comparing(ImageCache::modified).reversed());
        var images = new ArrayList<ImageFiles>();
        for (Path entry : found) {
            images.add(read(entry));
        }
        return images;
    }

    private static FileTime modified(Path entry) {
        try {
            return Files.getLastModifiedTime(entry.resolve(RECORD));
        } catch (IOException _) {
            return FileTime.fromMillis(0);
        }
    }

    /// The newest image of that name.
    public Optional<ImageFiles> newest(String name) throws IOException {
        return list().stream().filter(image -> image.name().equals(name)).findFirst();
    }

    /// The image made from this, if it was.
    Optional<ImageFiles> find(String name, Digest madeFrom) throws IOException {
        Path entry = entry(name, madeFrom);
        return Files.isRegularFile(entry.resolve(RECORD))
                ? Optional.of(read(entry))
                : Optional.empty();
    }

    /// Puts an image into the cache in one step.
    ImageFiles put(Digest madeFrom, Made made) throws IOException {
        Files.createDirectories(folder);
        Path temporary = Files.createTempDirectory(folder, ".new");
        Path entry = entry(made.stored().name(), madeFrom);
        try {
            Files.write(temporary.resolve(KERNEL), made.kernel());
            Files.write(temporary.resolve(INITRD), made.initrd());
            Files.write(temporary.resolve(ROOT), made.root());
            Files.write(temporary.resolve(RECORD), FabricJson.write(made.stored()));
            Files.move(temporary, entry, StandardCopyOption.ATOMIC_MOVE);
        } catch (DirectoryNotEmptyException | FileAlreadyExistsException _) {
            // Someone else made the same image meanwhile; theirs is as good.
            return read(entry);
        } finally {
            deleteTree(temporary);
        }
        return read(entry);
    }

    private static void deleteTree(Path tree) throws IOException {
        for (String name : List.of(KERNEL, INITRD, ROOT, RECORD)) {
            Files.deleteIfExists(tree.resolve(name));
        }
        Files.deleteIfExists(tree);
    }

    private Path entry(String name, Digest madeFrom) {
        return folder.resolve(name + "-" + madeFrom.hex().substring(0, 16));
    }

    private static ImageFiles read(Path entry) throws IOException {
        Stored stored = FabricJson.read(Files.readAllBytes(entry.resolve(RECORD)), Stored.class);
        if (!Digest.isLegal(String.valueOf(stored.digest()))) {
            throw new IOException("%s is damaged: delete %s".formatted(RECORD, entry));
        }
        return new ImageFiles(
                stored.name(),
                entry.resolve(KERNEL),
                entry.resolve(INITRD),
                entry.resolve(ROOT),
                new Digest(stored.digest()),
                stored.bootArguments(),
                stored.description());
    }
}
