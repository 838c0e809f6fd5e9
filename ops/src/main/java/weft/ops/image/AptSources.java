package weft.ops.image;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/// Finds the Debian mirror this machine already uses, in apt's files: one-line entries
/// (`sources.list(5)`, "ONE-LINE-STYLE FORMAT") and stanzas ("DEB822-STYLE FORMAT").
public final class AptSources {
    private static final long FILE_BYTES_MAX = 1 << 20;

    /// Suites of Debian proper. A mirror of any of them mirrors all; other distributions' do not.
    private static final Set<String> DEBIAN_SUITES =
            Set.of(
                    "stable",
                    "testing",
                    "unstable",
                    "sid",
                    "oldstable",
                    "bullseye",
                    "bookworm",
                    "trixie",
                    "forky",
                    "duke");

    private AptSources() {}

    /// The first Debian mirror that can be reached by HTTP, or empty.
    ///
    /// @param folder apt's configuration, /etc/apt
    public static Optional<URI> debianMirror(Path folder) throws IOException {
        for (Path file : files(folder)) {
            if (Files.size(file) > FILE_BYTES_MAX) {
                continue;
            }
            String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
            List<Source> sources =
                    file.toString().endsWith(".sources") ? stanzas(text) : oneLiners(text);
            for (Source source : sources) {
                Optional<URI> mirror = source.debianMirror();
                if (mirror.isPresent()) {
                    return mirror;
                }
            }
        }
        return Optional.empty();
    }

    private static List<Path> files(Path folder) throws IOException {
        var files = new ArrayList<Path>();
        Path list = folder.resolve("sources.list");
        if (Files.isReadable(list)) {
            files.add(list);
        }
        Path parts = folder.resolve("sources.list.d");
        if (Files.isDirectory(parts)) {
            try (Stream<Path> found = Files.list(parts)) {
                found.filter(Files::isReadable)
                        .filter(file -> file.toString().matches(".*\\.(list|sources)"))
                        .sorted()
                        .forEach(files::add);
            }
        }
        return files;
    }

    /// URIs and suites of one entry; every URI serves every suite.
    private record Source(List<String> uris, List<String> suites) {
        Optional<URI> debianMirror() {
            if (suites.stream().noneMatch(DEBIAN_SUITES::contains)) {
                return Optional.empty();
            }
            return uris.stream().map(AptSources::httpUri).flatMap(Optional::stream).findFirst();
        }
    }

    private static Optional<URI> httpUri(String text) {
        try {
            var uri = new URI(text);
            String scheme = String.valueOf(uri.getScheme());
            boolean isHttp = scheme.equals("http") || scheme.equals("https");
            return isHttp ? Optional.of(uri) : Optional.empty();
        } catch (URISyntaxException _) {
            return Optional.empty();
        }
    }

    /// `deb [option=value …] URI SUITE COMPONENT…`
    private static List<Source> oneLiners(String text) {
        var sources = new ArrayList<Source>();
        for (String line : text.lines().toList()) {
            String bare = line.split("#", 2)[0].strip().replaceFirst("\\[[^]]*]\\s*", "");
            String[] words = bare.split("\\s+");
            if (words.length >= 3 && words[0].equals("deb")) {
                sources.add(new Source(List.of(words[1]), List.of(words[2])));
            }
        }
        return sources;
    }

    private static List<Source> stanzas(String text) {
        var sources = new ArrayList<Source>();
        for (Map<String, String> stanza : ControlFile.parse(text)) {
            var fields = new HashMap<String, String>();
            stanza.forEach((name, value) -> fields.put(name.toLowerCase(Locale.ROOT), value));
            boolean isOn = !fields.getOrDefault("enabled", "yes").strip().matches("no|false|0|off");
            if (isOn && words(fields.get("types") + "").contains("deb")) {
                sources.add(
                        new Source(
                                words(fields.getOrDefault("uris", "")),
                                words(fields.getOrDefault("suites", ""))));
            }
        }
        return sources;
    }

    private static List<String> words(String value) {
        return Arrays.stream(value.strip().split("\\s+")).filter(w -> !w.isEmpty()).toList();
    }
}
