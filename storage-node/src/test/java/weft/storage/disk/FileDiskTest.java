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
import java.nio.channels.ClosedChannelException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
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

    /// Large writes go past the page cache, while others read and write the blocks around them: no
    /// page may keep what was there before.
    @Test
    void whatIsWrittenPastTheCacheIsReadThroughIt() throws Exception {
        int rounds = 500;
        int strideBlocks = 32;
        Disk disk = new FileDisk(folder);
        try (DiskFile past = made(disk, rounds * strideBlocks);
                DiskFile cached = disk.open("mixed", Disk.Use.BUFFERED);
                ExecutorService executor = Executors.newSingleThreadExecutor()) {
            for (int round = 0; round < rounds; round++) {
                long first = (long) round * strideBlocks + 8;
                Future<?> writing =
                        executor.submit(() -> {
                            past.write(filled(16, 2), first * BLOCK);
                            return null;
                        });
                for (long before = first - 8; before < first; before++) {
                    cached.read(aligned(BLOCK), before * BLOCK);
                }
                cached.write(filled(1, 3), (first - 1) * BLOCK);
                cached.write(filled(1, 3), (first + 16) * BLOCK);
                writing.get(30, TimeUnit.SECONDS);
                ByteBuffer into = aligned(16 * BLOCK);
                cached.read(into, first * BLOCK);
                assertEquals(filled(16, 2), into.flip(), "round " + round);
            }
            // A page that could not be dropped is told here.
            past.force();
            cached.force();
        }
    }

    /// A file that is in no cache.
    private static DiskFile made(Disk disk, int blocks) throws IOException {
        disk.open("mixed", Disk.Use.BUFFERED).close();
        DiskFile past = disk.open("mixed", Disk.Use.DATA);
        past.write(filled(blocks, 1), 0);
        return past;
    }

    private static ByteBuffer filled(int blocks, int value) {
        ByteBuffer bytes = aligned(blocks * BLOCK);
        while (bytes.hasRemaining()) {
            bytes.put((byte) value);
        }
        return bytes.flip();
    }

    @Test
    void aFileThatIsClosedIsNotMistakenForTheNextOne() throws IOException {
        Disk disk = new FileDisk(folder);
        DiskFile closed = disk.open("first", Disk.Use.BUFFERED);
        closed.close();
        closed.close();
        try (DiskFile next = disk.open("second", Disk.Use.BUFFERED)) {
            assertThrows(ClosedChannelException.class, () -> closed.write(told(BLOCK), 0));
            assertThrows(ClosedChannelException.class, () -> closed.read(told(BLOCK), 0));
            assertThrows(ClosedChannelException.class, () -> closed.punch(0, BLOCK));
            assertEquals(0, next.sizeBytes());
        }
    }

    @Test
    void aCallThatFailsNamesTheFileAndTheReason() throws IOException {
        Disk disk = new FileDisk(folder);
        assertThrows(NoSuchFileException.class, () -> disk.open("absent", Disk.Use.READ));
        assertThrows(NoSuchFileException.class, () -> disk.open("absent", Disk.Use.DATA));
        Files.writeString(folder.resolve("file"), "x");
        try (DiskFile file = disk.open("file", Disk.Use.READ)) {
            var refused = assertThrows(IOException.class, () -> file.write(told(BLOCK), 0));
            assertTrue(
                    String.valueOf(refused.getMessage())
                            .startsWith("write %s: ".formatted(folder.resolve("file"))));
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
    void aLongReadIsThatOfAllItsParts() throws IOException {
        Disk disk = new FileDisk(folder);
        int blocks = 300;
        try (DiskFile file = disk.open("long", Disk.Use.BUFFERED)) {
            file.write(told(blocks * BLOCK), 0);
            ByteBuffer into = ByteBuffer.allocate(blocks * BLOCK);
            assertEquals(blocks * BLOCK, file.read(into, 0));
            assertEquals(told(blocks * BLOCK), into.flip());
        }
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
