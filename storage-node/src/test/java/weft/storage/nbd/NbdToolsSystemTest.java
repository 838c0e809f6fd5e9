package weft.storage.nbd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.fixtures.MemoryVolume;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;

/// The programs people use: libnbd's, QEMU's and fio. A program that is not installed skips its
/// test.
@Timeout(120)
class NbdToolsSystemTest {
    private static final int MIB = 1 << 20;

    @TempDir Path folder;
    private final NbdExports exports = new NbdExports();
    private final MemoryVolume memory = new MemoryVolume(64 * MIB, false);
    private final MemoryVolume image = new MemoryVolume(MIB, true);
    private NbdServer server;

    @BeforeEach
    void start() throws IOException {
        exports.add("memory", () -> CompletableFuture.completedFuture(memory));
        exports.add("image", () -> CompletableFuture.completedFuture(image));
        Path file = folder.resolve("disk");
        exports.add(
                "file",
                () -> {
                    try {
                        return CompletableFuture.completedFuture(
                                new SparseFileVolume(file, 16L << 30));
                    } catch (IOException e) {
                        return CompletableFuture.failedFuture(e);
                    }
                });
        server =
                new NbdServer(
                        new InetSocketAddress("127.0.0.1", 0),
                        exports,
                        Optional.empty(),
                        new SimpleMeterRegistry());
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private String uri(String export) {
        return "nbd://127.0.0.1:" + server.address().getPort() + "/" + export;
    }

    private static String run(String... command) throws IOException, InterruptedException {
        Process process;
        try {
            process = new ProcessBuilder(command).redirectErrorStream(true).start();
        } catch (IOException e) {
            return Assumptions.abort(command[0] + " is not installed: " + e.getMessage());
        }
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int exitCode = process.waitFor();
        assertEquals(0, exitCode, () -> String.join(" ", command) + "\n" + output);
        return output;
    }

    @Test
    void nbdinfoSeesEveryExportAndItsProperties() throws Exception {
        String all = run("nbdinfo", "--list", uri(""));
        for (String name : List.of("memory", "file", "image")) {
            assertTrue(all.contains("export=\"" + name + "\""), all);
        }
        String one = run("nbdinfo", uri("memory"));
        for (String expected :
                List.of(
                        "newstyle-fixed",
                        "structured packets",
                        "export-size: 67108864",
                        "is_read_only: false",
                        "can_flush: true",
                        "can_fua: true",
                        "can_df: true",
                        "can_trim: true",
                        "can_zero: true",
                        "can_fast_zero: true",
                        "can_multi_conn: true",
                        "block_size_preferred: 4096")) {
            assertTrue(one.contains(expected), expected + " in\n" + one);
        }
        assertTrue(run("nbdinfo", uri("image")).contains("is_read_only: true"));
    }

    @Test
    void qemuImgConvertsADiskInAndOutUnchanged() throws Exception {
        byte[] content = randomContent(40 * MIB);
        Path raw = folder.resolve("raw");
        Path back = folder.resolve("back");
        Files.write(raw, content);
        String info = run("qemu-img", "info", uri("file"));
        assertTrue(info.contains("17179869184"), info);
        run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", raw.toString(), uri("file"));
        run("qemu-io", "-f", "raw", "-c", "discard 48M 1M", "-c", "flush", uri("file"));
        run("nbdcopy", uri("memory"), "null:");
        run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", raw.toString(), uri("memory"));
        run("qemu-img", "convert", "-f", "raw", "-O", "raw", uri("memory"), back.toString());
        assertEquals(-1, Files.mismatch(raw, head(back, content.length)));
        run("qemu-img", "compare", "-f", "raw", "-F", "raw", uri("memory"), uri("file"));
    }

    private Path head(Path file, int lengthBytes) throws IOException {
        Path head = folder.resolve("head");
        byte[] all = Files.readAllBytes(file);
        return Files.write(head, java.util.Arrays.copyOf(all, lengthBytes));
    }

    private static byte[] randomContent(int lengthBytes) {
        byte[] content = new byte[lengthBytes];
        new Random(11).nextBytes(content);
        // A hole, so that zeroes are written as zeroes.
        java.util.Arrays.fill(content, 8 * MIB, 24 * MIB, (byte) 0);
        return content;
    }

    @Test
    void qemuIoWritesAnywhereZeroesMoreThanABufferAndIsToldWhatItMayNot() throws Exception {
        String output =
                run(
                        "qemu-io",
                        "-f",
                        "raw",
                        "-c",
                        "write -P 0xaa 0 64k",
                        "-c",
                        "read -P 0xaa 0 64k",
                        "-c",
                        "write -P 0x55 1000 513",
                        "-c",
                        "read -P 0x55 1000 513",
                        "-c",
                        "read -P 0xaa 0 1000",
                        "-c",
                        "write -f -P 0x77 15G 1M",
                        "-c",
                        "write -z 0 2147483136",
                        "-c",
                        "read -P 0 0 64k",
                        "-c",
                        "write -z -u 15G 1M",
                        "-c",
                        "read -P 0 15G 1M",
                        "-c",
                        "discard 1G 2147483136",
                        "-c",
                        "aio_write -P 1 0 1M",
                        "-c",
                        "aio_write -P 2 1M 1M",
                        "-c",
                        "aio_flush",
                        "-c",
                        "read -P 2 1M 1M",
                        uri("file"));
        assertTrue(!output.contains("verification failed"), output);
        assertTrue(!output.contains("error"), output);
        Process refused =
                new ProcessBuilder("qemu-io", "-f", "raw", "-c", "write 0 512", uri("image"))
                        .redirectErrorStream(true)
                        .start();
        refused.getInputStream().readAllBytes();
        assertTrue(refused.waitFor() != 0, "an image is read-only");
    }

    @Test
    void nbdcopyWithFourConnectionsCopiesEveryByte() throws Exception {
        byte[] content = randomContent(64 * MIB);
        Path raw = folder.resolve("raw");
        Path back = folder.resolve("back");
        Files.write(raw, content);
        run("nbdcopy", "--connections=4", "--flush", raw.toString(), uri("memory"));
        run("nbdcopy", "--connections=4", uri("memory"), back.toString());
        assertEquals(-1, Files.mismatch(raw, back));
    }

    @Test
    void fioVerifiesWhatItWroteAtDepth32() throws Exception {
        String engines = run("fio", "--enghelp");
        assumeTrue(engines.contains("nbd"), "this fio has no nbd engine");
        String output =
                run(
                        "fio",
                        "--name=verify",
                        "--ioengine=nbd",
                        "--uri=" + uri("file"),
                        "--rw=randwrite",
                        "--bs=4k-64k",
                        "--size=32M",
                        "--iodepth=32",
                        "--verify=crc32c",
                        "--verify_fatal=1",
                        "--do_verify=1",
                        // Else it leaves a file in the working folder.
                        "--verify_state_save=0",
                        "--randseed=5",
                        "--output-format=terse");
        assertTrue(!output.contains("verify:"), output);
    }
}
