package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.fixtures.Await;
import weft.ops.pool.PoolSession;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/// The programs people use, on volumes of a real pool of three replicas: what they wrote is what
/// they read, and each replica holds it. A program that is not installed skips its test.
@Timeout(240)
final class PoolClientsSystemTest extends VolumeSystemTest {
    private static final int MIB = 1 << 20;

    @TempDir private Path folder = Path.of("set by JUnit");

    /// Offers a new volume, and waits until it is.
    private String offer(String name) throws Exception {
        create(name);
        return export(name, "node1");
    }

    private String export(String name, String node) throws Exception {
        String json = type("volume export " + name + " --node " + node + " --json");
        String uri = new ObjectMapper().readTree(json).path("uri").asText();
        Await.until(
                uri + " is offered",
                () -> Program.end("nbdinfo", "--size", uri).output().strip().equals("67108864"));
        return uri;
    }

    @AfterEach
    void allReplicasAreEqual() throws Exception {
        try (var pool =
                new PoolSession(fabric().session().records().store(), fabric().session()::image)) {
            var found = pool.client().replicaComparison().compareAtRest(Duration.ofSeconds(20));
            assertEquals(List.of(), found.differences());
            assertEquals(3 * found.groups(), found.replicas());
        }
    }

    /// Random bytes as large as a volume, with a hole.
    private Path content(long seed) throws IOException {
        byte[] bytes = new byte[64 * MIB];
        new Random(seed).nextBytes(bytes);
        Arrays.fill(bytes, 8 * MIB, 24 * MIB, (byte) 0);
        return Files.write(folder.resolve("content"), bytes);
    }

    @Test
    void libnbdSeesTheExportAndCopiesEveryByteInAndOut() throws Exception {
        Program.assumeThere("nbdinfo", "nbdcopy");
        String uri = offer("libnbd");
        String list = Program.run("nbdinfo", "--list", uri.substring(0, uri.lastIndexOf('/') + 1));
        assertTrue(list.contains("export=\"libnbd\""), list);
        String one = Program.run("nbdinfo", uri);
        for (String property :
                List.of(
                        "is_read_only: false",
                        "can_flush: true",
                        "can_fua: true",
                        "can_trim: true")) {
            assertTrue(one.contains(property), property + " in\n" + one);
        }
        assertEquals(List.of("0 67108864 3 hole,zero"), map(uri));

        Path in = content(1);
        Path out = folder.resolve("out");
        Program.run("nbdcopy", "--connections=4", "--flush", in.toString(), uri);
        Program.run("nbdcopy", "--connections=4", uri, out.toString());
        assertEquals(-1, Files.mismatch(in, out));
        assertEquals(
                List.of(
                        "0 8388608 0 data",
                        "8388608 16777216 3 hole,zero",
                        "25165824 41943040 0 data"),
                map(uri));
        assertArrayEquals(
                Arrays.copyOf(Files.readAllBytes(in), BLOCK), readOnce("libnbd", 0, BLOCK));
        type("volume unexport libnbd");
    }

    /// Extents of one kind that follow each other count as one.
    private static List<String> map(String uri) throws Exception {
        List<String> joined = new ArrayList<>();
        long begin = 0;
        long end = 0;
        String kind = "";
        for (String line : Program.run("nbdinfo", "--map", uri).lines().toList()) {
            String[] words = line.strip().split(" +", 3);
            if (!words[2].equals(kind) && end > begin) {
                joined.add("%d %d %s".formatted(begin, end - begin, kind));
                begin = end;
            }
            assertEquals(end, Long.parseLong(words[0]), line);
            end += Long.parseLong(words[1]);
            kind = words[2];
        }
        joined.add("%d %d %s".formatted(begin, end - begin, kind));
        return joined.stream().map(line -> line.replaceAll(" +", " ")).toList();
    }

    @Test
    void qemuConvertsADiskInAndOutAndComparesItEqual() throws Exception {
        Program.assumeThere("nbdinfo", "qemu-img", "qemu-io");
        String uri = offer("converted");
        Path in = content(2);
        Path qcow = folder.resolve("disk.qcow2");
        Path out = folder.resolve("out");
        Program.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", in + "", qcow + "");
        Program.run("qemu-img", "convert", "-n", "-f", "qcow2", "-O", "raw", qcow + "", uri);
        Program.run("qemu-img", "compare", "-f", "qcow2", "-F", "raw", qcow + "", uri);
        Program.run("qemu-img", "convert", "-f", "raw", "-O", "raw", uri, out.toString());
        assertEquals(-1, Files.mismatch(in, out));

        Program.run("qemu-io", "-f", "raw", "-c", "write -P 0x5a 30M 4k", uri);
        Program.Ended other =
                Program.end("qemu-img", "compare", "-f", "raw", "-F", "raw", in + "", uri);
        assertEquals(1, other.exitCode(), other.output());
        assertTrue(other.output().contains("offset 31457280"), other.output());
        type("volume unexport converted");
    }

    @Test
    void qemuIoFindsItsPatternsAgainAtAnyOffset() throws Exception {
        Program.assumeThere("nbdinfo", "qemu-io");
        String uri = offer("patterns");
        String written =
                qemuIo(
                        uri,
                        "write -P 0xaa 0 9M",
                        "write -P 0x55 1000 513",
                        "write -f -P 0x77 4194000 1000",
                        "write -z 5M 1M",
                        "write -z -u 6M 4k",
                        "discard 7M 1M",
                        "aio_write -P 1 16M 1M",
                        "aio_write -P 2 17M 1M",
                        "aio_flush",
                        "flush");
        assertFalse(written.contains("rror") || written.contains("failed"), written);
        // By another client, at another node.
        type("volume unexport patterns");
        uri = export("patterns", "node2");
        String read =
                qemuIo(
                        uri,
                        "read -P 0xaa 0 1000",
                        "read -P 0x55 1000 513",
                        "read -P 0xaa 1513 4192487",
                        "read -P 0x77 4194000 1000",
                        "read -P 0xaa 4195000 1047880",
                        "read -P 0 5M 1M",
                        "read -P 0 6M 4k",
                        "read -P 0 7M 1M",
                        "read -P 0xaa 8M 1M",
                        "read -P 1 16M 1M",
                        "read -P 2 17M 1M");
        assertFalse(read.contains("rror") || read.contains("failed"), read);
        assertEquals(11, read.lines().filter(line -> line.startsWith("read ")).count(), read);
        assertTrue(qemuIo(uri, "read -P 0xab 8M 4k").contains("Pattern verification failed"));
        type("volume unexport patterns");
    }

    private static String qemuIo(String uri, String... requests) throws Exception {
        List<String> command = new ArrayList<>(List.of("qemu-io", "-f", "raw"));
        for (String request : requests) {
            command.addAll(List.of("-c", request));
        }
        command.add(uri);
        return Program.end(command.toArray(String[]::new)).output();
    }

    @Test
    void fioFindsSmallAndLargeBlocksAsItWroteThem() throws Exception {
        Program.assumeThere("nbdinfo", "fio");
        Assumptions.assumeTrue(
                Program.run("fio", "--enghelp").contains("nbd"), "this fio has no nbd engine");
        String uri = offer("verified");
        for (String blocks : List.of("4k", "1M")) {
            String out =
                    Program.run(
                            "fio",
                            "--name=verified",
                            "--ioengine=nbd",
                            "--uri=" + uri,
                            "--rw=randwrite",
                            "--bs=" + blocks,
                            "--size=" + (blocks.equals("4k") ? "24M" : "64M"),
                            "--iodepth=16",
                            "--verify=crc32c",
                            "--verify_fatal=1",
                            "--do_verify=1",
                            // Else it leaves a file in the working folder.
                            "--verify_state_save=0",
                            "--randseed=7");
            assertFalse(out.contains("verify:"), out);
            assertTrue(out.contains("READ:"), out);
        }
        type("volume unexport verified");
    }

    /// The kernel's own file system, with its journal, its flushes and its discards.
    @Test
    void theKernelsExt4IsWholeAfterItWasAttachedAgain() throws Exception {
        Program.assumeThere("nbdinfo", "mkfs.ext4", "fsck.ext4");
        KernelDisk.assumePossible();
        Map<String, String> wanted;
        try (var disk = KernelDisk.attach(offer("mounted"), folder.resolve("first"))) {
            Program.run("mkfs.ext4", "-q", disk.device());
            Path files = disk.mount("discard");
            wanted = writeFiles(files);
            disk.unmount();
            Program.run("fsck.ext4", "-fn", disk.device());
            assertEquals(wanted, sums(disk.mount("ro")));
        }
        // By another client, at another node.
        type("volume unexport mounted");
        try (var disk = KernelDisk.attach(export("mounted", "node2"), folder.resolve("second"))) {
            String checked = Program.run("fsck.ext4", "-fn", disk.device());
            assertTrue(checked.contains("Pass 5"), checked);
            assertEquals(wanted, sums(disk.mount("ro")));
        }
        type("volume unexport mounted");
    }

    /// Of many sizes, some overwritten in part, some deleted again.
    private static Map<String, String> writeFiles(Path files) throws Exception {
        var random = new Random(5);
        Path deep = Files.createDirectories(files.resolve("a/b/c"));
        for (int i = 0; i < 60; i++) {
            byte[] bytes = new byte[random.nextInt(i % 10 == 0 ? 2 * MIB : 64 << 10)];
            random.nextBytes(bytes);
            Path file = Files.write((i % 3 == 0 ? deep : files).resolve("file" + i), bytes);
            if (i % 7 == 3) {
                Files.delete(file);
            } else if (i % 7 == 5) {
                try (var part = new RandomAccessFile(file.toFile(), "rwd")) {
                    part.seek(bytes.length / 2);
                    part.write(bytes, 0, bytes.length / 3);
                }
            }
        }
        return sums(files);
    }

    private static Map<String, String> sums(Path files) throws Exception {
        var sums = new TreeMap<String, String>();
        try (var all = Files.walk(files)) {
            for (Path file : all.filter(Files::isRegularFile).toList()) {
                var sha256 = MessageDigest.getInstance("SHA-256");
                String name = files.relativize(file).toString();
                sums.put(name, HexFormat.of().formatHex(sha256.digest(Files.readAllBytes(file))));
            }
        }
        assertEquals(51, sums.size(), sums.keySet()::toString);
        return sums;
    }
}
