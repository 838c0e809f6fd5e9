package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.fixtures.Await;
import weft.ops.demo.GuestShell;
import weft.ops.image.ImageFiles;
import weft.ops.pool.ImageImport;
import weft.ops.pool.PoolSession;
import weft.ops.system.PulledImage;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/// One ext4, with a journal, on a replicated volume: made here by e2fsprogs, written by a real
/// guest, and found whole here again.
@Timeout(300)
final class GuestDiskSystemTest extends VolumeSystemTest {
    private static final String DISK = "guest-root";
    private static final int DISK_BYTES = 64 << 20;
    private static final Duration BOOT_PATIENCE = Duration.ofSeconds(180);
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    @TempDir private Path folder = Path.of("set by JUnit");

    @Test
    void whatAGuestWritesToAnExt4IsFoundByE2fsprogs() throws Exception {
        Program.assumeThere("mkfs.ext4", "fsck.ext4", "debugfs", "dumpe2fs", "nbdinfo", "qemu-img");
        importImage(PulledImage.debianMicro());
        type("vm create guest --memory 128M --disk 64M --stopped");
        Await.until(DISK, () -> fabric().session().image().volumes().containsKey(DISK));
        Map<String, String> given = bringDisk();

        type("vm start guest");
        Map<String, String> told;
        try (var guest = new GuestShell("guest", fabric().session()::image)) {
            guest.awaitBoot(BOOT_PATIENCE);
            told = useDisk(guest, given);
        }
        type("vm stop guest");

        Path back = fetchDisk();
        String checked = Program.run("fsck.ext4", "-fn", back.toString());
        assertTrue(checked.contains("Pass 5"), checked);
        Path files = Files.createDirectory(folder.resolve("files"));
        Program.run("debugfs", "-R", "rdump / " + files, back.toString());
        assertEquals(told, sums(files));
        assertTrue(told.entrySet().containsAll(given.entrySet()));
        try (var pool =
                new PoolSession(fabric().session().records().store(), fabric().session()::image)) {
            var found = pool.client().replicaComparison().compareAtRest(Duration.ofSeconds(20));
            assertEquals(List.of(), found.differences());
        }
    }

    private void importImage(ImageFiles image) throws Exception {
        var session = fabric().session();
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            var _ =
                    new ImageImport(session.records(), session::image, pool.client())
                            .run(image, _ -> {});
        }
        Await.until("the image", () -> session.image().images().containsKey(image.name()));
    }

    /// Puts a file system with some files on the VM's disk.
    private Map<String, String> bringDisk() throws Exception {
        Path seed = folder.resolve("seed");
        Files.createDirectories(seed.resolve("host"));
        var random = new Random(3);
        for (int i = 0; i < 4; i++) {
            byte[] bytes = new byte[200_000 * (i + 1)];
            random.nextBytes(bytes);
            Files.write(seed.resolve("host/file" + i), bytes);
        }
        Path made = folder.resolve("made");
        Program.run("mkfs.ext4", "-q", "-O", "has_journal", "-d", seed + "", made + "", "64M");
        assertTrue(Program.run("dumpe2fs", "-h", made + "").contains("has_journal"));
        String uri = export();
        Program.run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", made + "", uri);
        type("volume unexport " + DISK);
        return sums(seed);
    }

    private String export() throws Exception {
        String json = type("volume export " + DISK + " --json");
        String uri = new ObjectMapper().readTree(json).path("uri").asText();
        String size = Integer.toString(DISK_BYTES);
        Await.until(
                uri + " is offered",
                () -> Program.end("nbdinfo", "--size", uri).output().strip().equals(size));
        return uri;
    }

    /// What the guest does with it; answers the checksums that it told.
    private static Map<String, String> useDisk(GuestShell guest, Map<String, String> given)
            throws Exception {
        run(guest, "mount-disk && grep '^/dev/vda /disk ext4 rw' /proc/mounts");
        assertEquals(given, told(run(guest, "cd /disk && md5sum host/*")));
        run(
                guest,
                "mkdir -p deep/er && for i in 0 1 2 3 4 5 6 7; do dd if=/dev/urandom of=deep/er/$i"
                        + " bs=5000 count=$((i * 20 + 1)) 2>/dev/null || exit 1; done");
        run(guest, "dd if=/dev/urandom of=forced bs=64k count=24 conv=fsync 2>/dev/null");
        run(guest, "dd if=/dev/urandom of=forced bs=4k seek=9 count=3 conv=notrunc 2>/dev/null");
        run(guest, "cp host/file3 copy && rm deep/er/4 && mv deep/er/5 moved && ln copy linked");
        String sums = "md5sum $(find . -type f | sort)";
        String before = run(guest, sums);
        run(guest, "sync && echo 3 > /proc/sys/vm/drop_caches");
        String after = run(guest, sums);
        assertEquals(before, after);
        run(guest, "cd / && umount /disk");
        // What it has is on the disk, not in its memory.
        assertEquals(after, run(guest, "mount-disk >/dev/null && cd /disk && " + sums));
        run(guest, "cd / && umount /disk");
        Map<String, String> told = told(after);
        assertEquals(4 + 6 + 4, told.size(), after);
        return told;
    }

    private static String run(GuestShell guest, String command) throws Exception {
        return guest.run(command, PATIENCE).orFail(command);
    }

    private static Map<String, String> told(String sums) {
        var told = new TreeMap<String, String>();
        for (String line : sums.lines().toList()) {
            String[] words = line.strip().split(" +", 2);
            told.put(words[1].replaceFirst("^\\./", ""), words[0]);
        }
        return told;
    }

    private Path fetchDisk() throws Exception {
        Path back = folder.resolve("back");
        String uri = export();
        Program.run("qemu-img", "convert", "-f", "raw", "-O", "raw", uri, back.toString());
        type("volume unexport " + DISK);
        return back;
    }

    private static Map<String, String> sums(Path files) throws Exception {
        var sums = new TreeMap<String, String>();
        try (var all = Files.walk(files)) {
            for (Path file : all.filter(Files::isRegularFile).toList()) {
                byte[] sum = MessageDigest.getInstance("MD5").digest(Files.readAllBytes(file));
                sums.put(files.relativize(file).toString(), HexFormat.of().formatHex(sum));
            }
        }
        return sums;
    }
}
