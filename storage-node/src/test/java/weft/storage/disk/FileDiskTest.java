package weft.storage.disk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/// On the real file system: what is written in pieces is read in pieces, wherever a buffer begins.
class FileDiskTest {
    private static final int BLOCK = Disk.ALIGNMENT_BYTES;

    @TempDir Path folder;

    /// Bytes that tell their place; a block of the buffer lies before them.
    private static ByteBuffer told(int lengthBytes) {
        ByteBuffer bytes = aligned(BLOCK + lengthBytes);
        for (int at = BLOCK; at < bytes.limit(); at += Integer.BYTES) {
            bytes.putInt(at, at);
        }
        return bytes.position(BLOCK);
    }

    private static ByteBuffer aligned(int lengthBytes) {
        return ByteBuffer.allocateDirect(lengthBytes + BLOCK)
                .alignedSlice(BLOCK)
                .slice(0, lengthBytes);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 15, 16, 17, 40})
    void aBufferThatBeginsInTheMiddleIsWrittenAndReadAsAWhole(int blocks) throws IOException {
        Disk disk = new FileDisk(folder);
        for (Disk.Use use : new Disk.Use[] {Disk.Use.BUFFERED, Disk.Use.DURABLE}) {
            try (DiskFile file = disk.open("file-" + use, use)) {
                ByteBuffer from = told(blocks * BLOCK);
                file.write(from, 3L * BLOCK);
                assertEquals(from.limit(), from.position());
                ByteBuffer into = aligned((blocks + 1) * BLOCK).position(BLOCK);
                assertEquals(blocks * BLOCK, file.read(into, 3L * BLOCK));
                assertEquals(into.limit(), into.position());
                assertEquals(told(blocks * BLOCK), into.position(BLOCK), use.name());
            }
        }
    }

    /// As after an unmount, which leaves the mount point.
    @Test
    void aFolderThatIsAnotherThanItWasIsAFailedDisk() throws IOException {
        Path root = Files.createDirectory(folder.resolve("disk"));
        Disk disk = new FileDisk(root);
        assertTrue(disk.freeBytes() > 0);
        Files.move(root, folder.resolve("unmounted"));
        assertThrows(IOException.class, disk::freeBytes);
        Files.createDirectory(root);
        var failure = assertThrows(IOException.class, disk::freeBytes);
        assertTrue(String.valueOf(failure.getMessage()).contains(root + " is another folder"));
    }

    @Test
    void aReadEndsWithTheFileAndKeepsTheBuffersLimit() throws IOException {
        Disk disk = new FileDisk(folder);
        try (DiskFile file = disk.open("short", Disk.Use.BUFFERED)) {
            file.write(told(20 * BLOCK), 0);
            ByteBuffer into = aligned(64 * BLOCK);
            assertEquals(19 * BLOCK, file.read(into, BLOCK));
            assertEquals(19 * BLOCK, into.position());
            assertEquals(64 * BLOCK, into.limit());
        }
    }

    /// Nothing is aligned behind the end of such a file.
    @Test
    void aFileThatEndsWithinABlockIsReadFromTheDevice(@TempDir Path root) throws Exception {
        var disk = new FileDisk(root);
        try (var file = disk.open("short", Disk.Use.BUFFERED)) {
            file.write(ByteBuffer.wrap(new byte[9000]), 0);
        }
        ByteBuffer into =
                ByteBuffer.allocateDirect(5 * Disk.ALIGNMENT_BYTES)
                        .alignedSlice(Disk.ALIGNMENT_BYTES)
                        .slice(0, 4 * Disk.ALIGNMENT_BYTES);
        try (var file = disk.open("short", Disk.Use.READ_DEVICE)) {
            assertEquals(9000, file.read(into, 0));
        }
    }

    @Test
    void aFolderThatIsGoneIsNotMadeAnew() throws IOException {
        Path root = Files.createDirectory(folder.resolve("disk"));
        Disk disk = new FileDisk(root);
        disk.createFolder("chunks/1");
        assertTrue(Files.isDirectory(root.resolve("chunks/1")));
        Path elsewhere = folder.resolve("unplugged");
        Files.move(root, elsewhere);
        assertThrows(IOException.class, () -> disk.createFolder("chunks/2"));
        assertFalse(Files.exists(root));
    }

    /// Found by processes that were harmed: two loops wrote the first chunks of a store, and the
    /// one that came second took the folder for a failure of the disk.
    @Test
    void foldersAreMadeByManyAtOnce() throws Exception {
        Disk disk = new FileDisk(Files.createDirectory(folder.resolve("new")));
        int threads = 4;
        try (ExecutorService executor = Executors.newFixedThreadPool(threads)) {
            for (int round = 0; round < 200; round++) {
                String parent = "chunks" + round;
                var together = new CyclicBarrier(threads);
                List<Future<?>> made = new ArrayList<>();
                for (int i = 0; i < threads; i++) {
                    String name = parent + "/" + i;
                    made.add(
                            executor.submit(() -> {
                                together.await(30, TimeUnit.SECONDS);
                                disk.createFolder(name);
                                return name;
                            }));
                }
                for (Future<?> one : made) {
                    assertTrue(Files.isDirectory(folder.resolve("new/" + one.get())));
                }
            }
        }
    }
}
