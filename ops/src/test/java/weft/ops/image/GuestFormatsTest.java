package weft.ops.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/// What we write is read by the tools whose formats they are; what we read may be anything.
final class GuestFormatsTest {
    private static final List<Path> PROGRAM_FOLDERS =
            List.of(Path.of("/usr/bin"), Path.of("/bin"), Path.of("/usr/sbin"), Path.of("/sbin"));

    @TempDir private Path folder = Path.of("set by JUnit");

    private static String program(String name) {
        var found =
                PROGRAM_FOLDERS.stream()
                        .map(place -> place.resolve(name))
                        .filter(Files::isExecutable)
                        .findFirst();
        assumeTrue(found.isPresent(), name + " is not installed");
        return found.orElseThrow().toString();
    }

    private String run(Path input, String... command) throws IOException, InterruptedException {
        File output = folder.resolve("output").toFile();
        Process process =
                new ProcessBuilder(command)
                        .redirectInput(input.toFile())
                        .redirectErrorStream(true)
                        .redirectOutput(output)
                        .start();
        assertEquals(true, process.waitFor(30, TimeUnit.SECONDS), "ends in time");
        String text = Files.readString(output.toPath());
        assertEquals(0, process.exitValue(), text);
        return text;
    }

    @Test
    void cpioReadsOurArchive() throws IOException, InterruptedException {
        String cpio = program("cpio");
        var bytes = new ByteArrayOutputStream();
        try (var archive = new CpioWriter(bytes)) {
            archive.directory("etc", 0755);
            archive.file("etc/motd", 0644, "hello\n".getBytes(StandardCharsets.US_ASCII));
            archive.link("init", "bin/busybox");
        }
        Path file = Files.write(folder.resolve("archive"), bytes.toByteArray());
        String listing = run(file, cpio, "-tv", "--quiet", "--numeric-uid-gid");
        assertEquals(
                List.of(
                        "drwxr-xr-x 2 0 0 0 etc",
                        "-rw-r--r-- 1 0 0 6 etc/motd",
                        "lrwxrwxrwx 1 0 0 11 init -> bin/busybox"),
                listing.lines()
                        .map(line -> line.replaceAll(" +", " ").replaceFirst("Jan 1 1970 ", ""))
                        .toList());
        assertEquals("hello\n", run(file, cpio, "-i", "--quiet", "--to-stdout", "etc/motd"));
    }

    @Test
    void e2fsckFindsNothingWrongWithOurFileSystem() throws IOException, InterruptedException {
        String e2fsck = program("e2fsck");
        for (int sizeBytes : new int[] {64 << 10, 1 << 20, 128 << 20}) {
            byte[] image =
                    Ext2Image.of(
                            sizeBytes,
                            "test",
                            Map.of(
                                    "small",
                                    new byte[5],
                                    "none",
                                    new byte[0],
                                    "two-blocks",
                                    new byte[4097]));
            Path file = Files.write(folder.resolve("ext2-" + sizeBytes), image);
            run(file, e2fsck, "-f", "-n", file.toString());
        }
    }

    @Test
    void debugfsReadsTheFilesBack() throws IOException, InterruptedException {
        String debugfs = program("debugfs");
        byte[] image =
                Ext2Image.of(
                        1 << 20,
                        "test",
                        Map.of("README", "hello\n".getBytes(StandardCharsets.US_ASCII)));
        Path file = Files.write(folder.resolve("ext2"), image);
        String text = run(file, debugfs, "-R", "cat README", file.toString());
        assertEquals(
                "hello",
                text.lines().filter(line -> !line.startsWith("debugfs")).findFirst().orElse(""));
    }

    @Test
    void aFileTooLargeForTheSeedIsRefused() {
        assertThrows(
                IllegalArgumentException.class,
                () -> Ext2Image.of(1 << 20, "test", Map.of("big", new byte[49 << 10])));
    }

    @Test
    void aDamagedModuleIsRefusedAndHurtsNothing() throws IOException {
        byte[] whole = FakeMirror.module("depends=a,b-c", "alias=x");
        KernelModule module = KernelModule.parse("kernel/virtio-rng.ko", whole);
        assertEquals("virtio_rng", module.name());
        assertEquals(List.of("a", "b_c"), module.needs());
        long seed = Long.getLong("weft.seed", 1);
        var random = new Random(seed);
        for (int round = 0; round < 20_000; round++) {
            byte[] damaged = java.util.Arrays.copyOf(whole, 1 + random.nextInt(whole.length));
            for (int i = random.nextInt(8); i > 0; i--) {
                damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
            }
            try {
                KernelModule.parse("m.ko", damaged);
            } catch (IOException _) {
                continue;
            } catch (RuntimeException e) {
                throw new AssertionError("round " + round + "; replay: -Dweft.seed=" + seed, e);
            }
        }
    }

    @Test
    void aptSourcesOfBothStylesNameTheMirror() throws IOException {
        Files.createDirectories(folder.resolve("sources.list.d"));
        Files.writeString(folder.resolve("sources.list"), "# deb http://off/debian trixie main\n");
        assertEquals(List.of(), mirrors());
        Files.writeString(
                folder.resolve("sources.list.d/other.list"),
                "deb [arch=amd64 signed-by=/x] https://vendor.example/apt stable-vendor main\n"
                        + "deb-src http://src.example/debian trixie main\n");
        Files.writeString(
                folder.resolve("sources.list.d/security.sources"),
                "Types: deb\nURIs: http://sec.example/debian-security\nSuites: trixie-security\n");
        assertEquals(List.of(), mirrors());
        Files.writeString(
                folder.resolve("sources.list.d/z.sources"),
                "Enabled: no\n"
                        + "Types: deb\n"
                        + "URIs: http://off.example/debian\n"
                        + "Suites: trixie\n\n"
                        + "Types: deb deb-src\n"
                        + "# note\n"
                        + "URIs: cdrom:[x]/\n"
                        + " http://on.example/debian\n"
                        + "Suites: trixie\n"
                        + " trixie-updates\n");
        assertEquals(List.of("http://on.example/debian"), mirrors());
        Files.writeString(
                folder.resolve("sources.list"),
                "deb [arch=amd64] http://first.example/debian/ bookworm main contrib # x\n");
        assertEquals(List.of("http://first.example/debian/"), mirrors());
    }

    private List<String> mirrors() throws IOException {
        return AptSources.debianMirror(folder).stream()
                .flatMap(uri -> Stream.of(uri.toString()))
                .toList();
    }
}
