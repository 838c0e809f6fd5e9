package weft.ops.image;

import weft.fabric.FabricJson;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.net.Proxy;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Roots that hold programs of Debian's riscv64 packages and the libraries these need: an initramfs
/// each, so that a guest runs them without a disk or a module.
///
/// A root is plain cpio, since unpacking gzip would be the guest's work, and holds no init: whoever
/// boots it appends another archive. Roots are cached by what they were made of, and a cached one
/// is used without asking the mirror: two measurements of different days then run the same bytes.
/// To follow the mirror, delete the folder `cache/programs`.
public final class DebianPrograms {
    private static final String SUITE = "trixie";
    private static final String ARCHITECTURE = "riscv64";
    private static final String ARCHIVE = "root.cpio";
    private static final String RECORD = "root.json";

    /// Raised when this code makes other roots of the same packages.
    private static final int FORM = 1;

    /// What packages need only to be installed, never to run.
    private static final Set<String> INSTALLERS =
            Set.of("dpkg", "debconf", "install-info", "ucf", "readline-common", "media-types");

    /// Nothing that runs reads these.
    private static final Pattern UNREAD =
            Pattern.compile(
                    "usr/share/(doc|man|locale|info|lintian|bug|gcc|gdb|python3|apport|menu"
                            + "|applications|pixmaps|icons|doc-base|binfmts|readline)/.*"
                            + "|usr/lib/[^/]+/gconv/.*|usr/lib/valgrind/.*|var/.*");

    /// Debian's top-level folders that are links into /usr.
    private static final List<String> MERGED = List.of("bin", "lib", "sbin");

    private final Path stateFolder;
    private final OriginChoice origin;

    /// Where packages come from.
    public record Origin(URI mirror, Trust trust, Proxy proxy) {}

    /// Decides where packages come from.
    public interface OriginChoice {
        /// @throws IOException if nothing says where
        Origin choose() throws IOException;
    }

    /// What a root is to hold.
    ///
    /// @param name of the root, for people and for the cache; lower-case letters, digits and `-`
    /// @param packages without what they need
    public record Recipe(String name, Set<String> packages) {
        private String digest() {
            MessageDigest sha256 = Digest.sha256();
            String text =
                    FORM + name + new TreeSet<>(packages) + UNREAD + new TreeSet<>(INSTALLERS);
            sha256.update(text.getBytes(StandardCharsets.UTF_8));
            return Digest.of(sha256).hex();
        }
    }

    /// A root that is there.
    ///
    /// @param archive plain cpio, for the kernel to unpack
    /// @param description the packages asked for, with their versions
    public record Root(Path archive, String description) {}

    /// What stands in root.json.
    record Stored(String recipe, String description) {}

    /// @param stateFolder downloads and roots are cached in its folder `cache`
    /// @param origin asked only when something must be fetched
    public DebianPrograms(Path stateFolder, OriginChoice origin) {
        this.stateFolder = stateFolder;
        this.origin = origin;
    }

    /// The root, made now if it is not in the cache.
    ///
    /// @throws IOException in words fit for people; the cache is then as before
    public Root root(Recipe recipe, Progress progress) throws IOException {
        Optional<Root> cached = cached(recipe);
        return cached.isPresent() ? cached.get() : make(recipe, progress);
    }

    private Path folder() {
        return stateFolder.resolve("cache").resolve("programs");
    }

    private Optional<Root> cached(Recipe recipe) throws IOException {
        if (!Files.isDirectory(folder())) {
            return Optional.empty();
        }
        List<Path> entries;
        try (Stream<Path> found = Files.list(folder())) {
            entries =
                    found.filter(entry -> Files.isRegularFile(entry.resolve(RECORD)))
                            .sorted()
                            .toList();
        }
        for (Path entry : entries) {
            Stored stored = stored(entry);
            if (stored.recipe().equals(recipe.digest())) {
                return Optional.of(new Root(entry.resolve(ARCHIVE), stored.description()));
            }
        }
        return Optional.empty();
    }

    private static Stored stored(Path entry) throws IOException {
        Stored stored = FabricJson.read(Files.readAllBytes(entry.resolve(RECORD)), Stored.class);
        if (!Digest.isLegal(String.valueOf(stored.recipe()))) {
            throw new IOException("%s is damaged: delete %s".formatted(RECORD, entry));
        }
        return stored;
    }

    private Root make(Recipe recipe, Progress progress) throws IOException {
        Origin from = origin.choose();
        var downloads = new Downloads(stateFolder.resolve("cache").resolve("sha256"), from.proxy());
        var archive = new DebianArchive(from.mirror(), SUITE, ARCHITECTURE, downloads, progress);
        Map<String, DebianPackage> packages =
                archive.closure(recipe.packages(), INSTALLERS, from.trust().keyring());
        var tree = new TreeMap<String, DebFile.Packed>();
        MessageDigest madeOf = Digest.sha256();
        madeOf.update(recipe.digest().getBytes(StandardCharsets.US_ASCII));
        for (DebianPackage one : packages.values()) {
            madeOf.update(one.digest().hex().getBytes(StandardCharsets.US_ASCII));
            DebFile.readAll(archive.fetch(one), path -> !UNREAD.matcher(path).matches(), progress)
                    .forEach((path, packed) -> tree.put(merged(path), packed));
        }
        String description =
                recipe.packages().stream()
                        .sorted()
                        .map(name -> "%s %s".formatted(name, version(packages, name)))
                        .collect(Collectors.joining(", "));
        String name = recipe.name() + "-" + Digest.of(madeOf).hex().substring(0, 16);
        return put(name, new Stored(recipe.digest(), description), tree);
    }

    private static String version(Map<String, DebianPackage> packages, String name) {
        DebianPackage one = packages.get(name);
        return one == null ? "?" : one.version();
    }

    /// Where a path is once /bin, /lib and /sbin are links into /usr.
    private static String merged(String path) {
        return MERGED.stream().anyMatch(top -> path.startsWith(top + "/")) ? "usr/" + path : path;
    }

    /// Puts a root into the cache in one step.
    private Root put(String name, Stored stored, TreeMap<String, DebFile.Packed> tree)
            throws IOException {
        Files.createDirectories(folder());
        Path temporary = Files.createTempDirectory(folder(), ".new");
        Path entry = folder().resolve(name);
        try {
            writeArchive(temporary.resolve(ARCHIVE), tree);
            Files.write(temporary.resolve(RECORD), FabricJson.write(stored));
            Files.move(temporary, entry, StandardCopyOption.ATOMIC_MOVE);
        } catch (DirectoryNotEmptyException | FileAlreadyExistsException _) {
            // Someone else made the same root meanwhile; theirs is as good.
            return new Root(entry.resolve(ARCHIVE), stored.description());
        } finally {
            Files.deleteIfExists(temporary.resolve(ARCHIVE));
            Files.deleteIfExists(temporary.resolve(RECORD));
            Files.deleteIfExists(temporary);
        }
        return new Root(entry.resolve(ARCHIVE), stored.description());
    }

    private static void writeArchive(Path file, TreeMap<String, DebFile.Packed> tree)
            throws IOException {
        var folders = new TreeSet<>(List.of("dev", "proc", "root", "tmp", "usr"));
        MERGED.forEach(top -> folders.add("usr/" + top));
        for (String path : tree.keySet()) {
            for (int i = path.indexOf('/'); i >= 0; i = path.indexOf('/', i + 1)) {
                folders.add(path.substring(0, i));
            }
        }
        try (var cpio =
                new CpioWriter(new BufferedOutputStream(Files.newOutputStream(file), 1 << 16))) {
            for (String name : folders) {
                cpio.directory(name, 0755);
            }
            for (String top : MERGED) {
                cpio.link(top, "usr/" + top);
            }
            // The kernel opens it for the first process.
            cpio.characterDevice("dev/console", 0600, 5, 1);
            cpio.characterDevice("dev/null", 0666, 1, 3);
            for (Map.Entry<String, DebFile.Packed> one : tree.entrySet()) {
                switch (one.getValue()) {
                    case DebFile.Link(String target) -> cpio.link(one.getKey(), target);
                    case DebFile.Content(byte[] bytes, boolean executable) ->
                            cpio.file(one.getKey(), executable ? 0755 : 0644, bytes);
                }
            }
        }
    }
}
