package weft.ops.image;

import org.tukaani.xz.XZInputStream;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// One suite and architecture of a Debian mirror. The chain of trust: the keyring vouches for
/// InRelease, which names the SHA-256 of the package index, which names that of each package.
final class DebianArchive {
    private static final int RELEASE_BYTES_MAX = 4 << 20;
    private static final long INDEX_BYTES_MAX = 64L << 20;

    /// The index of all of main is 54 MB in 2026.
    private static final long INDEX_TEXT_BYTES_MAX = 512L << 20;

    /// The largest package taken: kernels with all modules are 112 MB.
    private static final long PACKAGE_BYTES_MAX = 1L << 30;

    private static final int XZ_MEMORY_KIB_MAX = 128 << 10;

    /// Line of the `SHA256` field: digest, size, path.
    private static final Pattern RELEASE_LINE =
            Pattern.compile("([0-9a-f]{64})\\s+([0-9]{1,15})\\s+(\\S+)");

    private static final Pattern PACKAGE_PATH = Pattern.compile("pool/[A-Za-z0-9.+~_/-]+");

    private final URI mirror;
    private final String suite;
    private final String architecture;
    private final Downloads downloads;
    private final Progress progress;

    DebianArchive(
            URI mirror, String suite, String architecture, Downloads downloads, Progress progress) {
        this.mirror = URI.create(mirror.toString().replaceFirst("/*$", "/"));
        this.suite = suite;
        this.architecture = architecture;
        this.downloads = downloads;
        this.progress = progress;
    }

    /// Packages by name, of those whose name matches.
    ///
    /// @param keyring who may sign; empty takes the mirror's word
    Map<String, DebianPackage> packages(Pattern names, Optional<Path> keyring) throws IOException {
        return readIndex(index(keyring), name -> names.matcher(name).matches());
    }

    /// These packages and all that they need, by name.
    ///
    /// @param leftOut needed by nobody who only runs the programs
    /// @param keyring who may sign; empty takes the mirror's word
    Map<String, DebianPackage> closure(
            Set<String> names, Set<String> leftOut, Optional<Path> keyring) throws IOException {
        Path index = index(keyring);
        var closure = new PackageClosure(names, leftOut);
        while (!closure.unknown().isEmpty()) {
            Set<String> asked = closure.unknown();
            closure.learn(asked, readIndex(index, asked::contains));
        }
        return closure.chosen();
    }

    private Path index(Optional<Path> keyring) throws IOException {
        URI releaseUri = mirror.resolve("dists/" + suite + "/InRelease");
        byte[] signed = downloads.fetchSmall(releaseUri, RELEASE_BYTES_MAX);
        String release =
                keyring.isPresent()
                        ? ReleaseSignature.verify(signed, keyring.get(), releaseUri.toString())
                        : ReleaseSignature.unverified(signed, releaseUri.toString());
        String indexName = "main/binary-" + architecture + "/Packages.xz";
        Matcher index = indexLine(release, releaseUri, indexName);
        long sizeBytes = Long.parseLong(index.group(2));
        if (sizeBytes > INDEX_BYTES_MAX) {
            throw new IOException(
                    "%s says its index has %d bytes: too large".formatted(releaseUri, sizeBytes));
        }
        return downloads.fetch(
                mirror.resolve("dists/" + suite + "/" + indexName),
                new Digest(index.group(1)),
                sizeBytes,
                progress);
    }

    private Matcher indexLine(String release, URI releaseUri, String indexName) throws IOException {
        List<Map<String, String>> stanzas = ControlFile.parse(release);
        Map<String, String> fields = stanzas.size() == 1 ? stanzas.getFirst() : Map.of();
        // A signed Release of another suite must not be passed off as this one.
        if (!suite.equals(fields.get("Codename")) && !suite.equals(fields.get("Suite"))) {
            throw new IOException(
                    "%s is not about '%s': is --mirror a Debian mirror?"
                            .formatted(releaseUri, suite));
        }
        for (String line : fields.getOrDefault("SHA256", "").lines().toList()) {
            Matcher entry = RELEASE_LINE.matcher(line.strip());
            if (entry.matches() && entry.group(3).equals(indexName)) {
                return entry;
            }
        }
        throw new IOException("%s does not list %s".formatted(releaseUri, indexName));
    }

    private static Map<String, DebianPackage> readIndex(Path file, Predicate<String> isWanted)
            throws IOException {
        var found = new HashMap<String, DebianPackage>();
        try (InputStream in = Files.newInputStream(file);
                var xz = new XZInputStream(in, XZ_MEMORY_KIB_MAX);
                var bounded = new BoundedInputStream(xz, INDEX_TEXT_BYTES_MAX, file.toString());
                var reader =
                        new BufferedReader(
                                new InputStreamReader(bounded, StandardCharsets.UTF_8))) {
            var stanza = new StringBuilder();
            boolean wanted = false;
            for (String line = reader.readLine(); ; line = reader.readLine()) {
                if (line == null || line.isEmpty()) {
                    if (wanted) {
                        DebianPackage one = parse(stanza.toString());
                        found.put(one.name(), one);
                    }
                    stanza.setLength(0);
                    wanted = false;
                    if (line == null) {
                        return found;
                    }
                } else if (line.startsWith("Package: ")) {
                    wanted = isWanted.test(line.substring(9));
                    stanza.append(line).append('\n');
                } else if (wanted) {
                    stanza.append(line).append('\n');
                }
            }
        }
    }

    private static DebianPackage parse(String stanza) throws IOException {
        Map<String, String> fields = ControlFile.parse(stanza).getFirst();
        String name = fields.getOrDefault("Package", "");
        String path = fields.getOrDefault("Filename", "");
        String size = fields.getOrDefault("Size", "");
        String digest = fields.getOrDefault("SHA256", "");
        if (!PACKAGE_PATH.matcher(path).matches()
                || path.contains("..")
                || !size.matches("[0-9]{1,10}")
                || Long.parseLong(size) > PACKAGE_BYTES_MAX
                || !Digest.isLegal(digest)) {
            throw new IOException("the index's entry of package " + name + " is not usable");
        }
        return new DebianPackage(
                name,
                fields.getOrDefault("Version", "?"),
                depends(fields),
                path,
                Long.parseLong(size),
                new Digest(digest));
    }

    private static String depends(Map<String, String> fields) {
        return Stream.of("Pre-Depends", "Depends")
                .map(field -> fields.getOrDefault(field, ""))
                .filter(value -> !value.isEmpty())
                .collect(Collectors.joining(", "));
    }

    /// The package's file, from the cache or from the mirror.
    Path fetch(DebianPackage wanted) throws IOException {
        return downloads.fetch(
                mirror.resolve(wanted.path()), wanted.digest(), wanted.sizeBytes(), progress);
    }
}
