package weft.ops.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.net.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// From a mirror to a root with programs, and what stays out of it.
final class DebianProgramsTest {
    private static final DebianPrograms.Recipe RECIPE =
            new DebianPrograms.Recipe("tool", Set.of("tool"));

    private static final Map<String, String> DEPENDS =
            Map.of(
                    "tool", "libone (>= 1.2) | libtwo, dpkg (>= 1.15) | install-info",
                    "libone", "libdeep:any",
                    "libdeep", "libone",
                    "libtwo", "",
                    "unrelated", "");

    @TempDir private Path folder = Path.of("set by JUnit");

    private static byte[] deb(String path, String content) throws IOException {
        return FakeMirror.deb(
                Map.of(
                        path,
                        content.getBytes(StandardCharsets.US_ASCII),
                        "usr/share/doc/x/copyright",
                        new byte[9]));
    }

    private static Map<String, byte[]> debs() throws IOException {
        return Map.of(
                "tool", deb("bin/tool", "the tool"),
                "libone", deb("usr/lib/libone.so", "one"),
                "libdeep", deb("lib/libdeep.so", "deep"),
                "libtwo", deb("usr/lib/libtwo.so", "two"),
                "unrelated", deb("usr/bin/unrelated", "unrelated"));
    }

    private DebianPrograms.Root root(FakeMirror mirror, Trust trust) throws IOException {
        return new DebianPrograms(
                        folder.resolve("state"),
                        () -> new DebianPrograms.Origin(mirror.uri(), trust, Proxy.NO_PROXY))
                .root(RECIPE, Progress.NONE);
    }

    @Test
    void aRootHoldsAProgramAndAllThatItNeedsWhereMergedFoldersPutIt() throws Exception {
        var key = new SigningKey();
        try (var mirror = new FakeMirror(key)) {
            mirror.publish(key, DEPENDS, debs());
            DebianPrograms.Root root = root(mirror, new Trust.Keyring(key.keyring(folder)));
            assertEquals("tool 1-1", root.description());
            String archive = Files.readString(root.archive(), StandardCharsets.ISO_8859_1);
            for (String held :
                    List.of("usr/bin/tool\0", "usr/lib/libone.so\0", "usr/lib/libdeep.so\0")) {
                assertTrue(archive.contains(held), held);
            }
            for (String out : List.of("libtwo", "unrelated", "copyright")) {
                assertFalse(archive.contains(out), out);
            }
        }
    }

    @Test
    void aCachedRootIsUsedWithoutAskingTheMirror() throws Exception {
        var key = new SigningKey();
        try (var mirror = new FakeMirror(key)) {
            var trust = new Trust.Keyring(key.keyring(folder));
            mirror.publish(key, DEPENDS, debs());
            DebianPrograms.Root first = root(mirror, trust);
            assertFalse(mirror.asked().isEmpty());
            assertEquals(first, root(mirror, trust));
            assertEquals(List.of(), mirror.asked());
        }
    }

    @Test
    void aMirrorThatLacksSomethingNeededOrIsNotTrustedLeavesNothingBehind() throws Exception {
        var key = new SigningKey();
        try (var mirror = new FakeMirror(key)) {
            var trust = new Trust.Keyring(key.keyring(folder));
            mirror.publish(key, Map.of("tool", "libgone (>= 1) | libaway"), debs());
            IOException lacking = assertThrows(IOException.class, () -> root(mirror, trust));
            assertEquals(
                    "the mirror's index has no package libgone or libaway, which tool needs",
                    lacking.getMessage());
            mirror.publish(new SigningKey(), DEPENDS, debs());
            IOException unsigned = assertThrows(IOException.class, () -> root(mirror, trust));
            assertTrue(String.valueOf(unsigned.getMessage()).contains("is not signed by any key"));
            assertFalse(Files.exists(folder.resolve("state/cache/programs")));
        }
    }
}
