package weft.vmhost.virtio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import weft.vmhost.device.TestLine;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.block.VirtioBlock;
import weft.volume.FileVolume;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/// What the host's page cache has of a disk is in the guest's memory when the notification returns;
/// long requests go to the device loop.
class ReadAtOnceTest {
    private static final long RAM = DriverSide.RAM;
    private static final int DISK_BYTES = 1 << 20;

    private final GuestMemory memory = new GuestMemory(RAM, 4 << 20);
    private final DriverSide.HandLoop loop = new DriverSide.HandLoop();
    private final byte[] content = new byte[DISK_BYTES];

    @TempDir private Path folder = Path.of("set by JUnit");

    private Path file = folder;

    @BeforeEach
    void makeDisk() throws IOException {
        new Random(1).nextBytes(content);
        file = folder.resolve("disk");
        Files.write(file, content);
    }

    @AfterEach
    void free() {
        memory.close();
    }

    private DriverSide driver(FileVolume volume) {
        var disk = new VirtioBlock(volume, "disk", (_, _) -> {}, (_, _) -> () -> {});
        var driver =
                new DriverSide(
                        memory,
                        new VirtioMmio(
                                "virtio0", VirtioForm.MODERN, memory, new TestLine(), loop, disk),
                        8);
        driver.begin(0, 1);
        loop.runAll();
        return driver;
    }

    /// A read of the sector to two ranges, not next to each other.
    private void read(DriverSide driver, long sector, int bytes) {
        memory.store32(RAM, 0);
        memory.store64(RAM + 8, sector);
        memory.store8(RAM + 16, 0xff);
        driver.descriptor(0, 0, RAM, 16, DriverSide.NEXT, 1);
        driver.descriptor(0, 1, RAM + 0x1001, 512, DriverSide.NEXT | DriverSide.WRITE, 2);
        driver.descriptor(0, 2, RAM + 0x2_0000, bytes - 512, DriverSide.NEXT | DriverSide.WRITE, 3);
        driver.descriptor(0, 3, RAM + 16, 1, DriverSide.WRITE, 0);
        driver.offer(0, 0);
    }

    private byte[] guest(int bytes) {
        var read = ByteBuffer.allocate(bytes);
        memory.read(RAM + 0x1001, read.limit(512));
        memory.read(RAM + 0x2_0000, read.limit(bytes));
        return read.array();
    }

    /// Tests run where the page cache may have lost what was just written.
    private boolean isCached(FileVolume volume) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment vector = arena.allocate(16, 8);
            vector.set(ValueLayout.JAVA_LONG, 0, arena.allocate(DISK_BYTES).address());
            vector.set(ValueLayout.JAVA_LONG, 8, DISK_BYTES);
            return volume.readNow(0, vector, 1) == DISK_BYTES;
        }
    }

    @Test
    void aShortReadIsDoneWhenTheNotificationReturns() throws IOException {
        try (var volume = FileVolume.open(file)) {
            assumeTrue(isCached(volume), "no RWF_NOWAIT here");
            DriverSide driver = driver(volume);
            memory.startDirtyTracking();
            read(driver, 3, 4096);

            assertEquals(1, driver.usedIndex(0));
            assertEquals(4097, driver.usedLength(0, 0));
            assertEquals(0, memory.load8(RAM + 16));
            assertArrayEquals(Arrays.copyOfRange(content, 1536, 1536 + 4096), guest(4096));
            List<Long> written = new ArrayList<>();
            memory.drainDirty().forEach(written::add);
            assertTrue(written.containsAll(List.of(RAM + 0x1000, RAM + 0x2_0000)), "dirty");
        }
    }

    @Test
    void aLongReadIsTheLoops() throws IOException {
        try (var volume = FileVolume.open(file)) {
            assumeTrue(isCached(volume), "no RWF_NOWAIT here");
            DriverSide driver = driver(volume);
            read(driver, 0, 256 << 10);
            assertEquals(0, driver.usedIndex(0));
            loop.runAll();

            assertEquals(1, driver.usedIndex(0));
            assertArrayEquals(Arrays.copyOf(content, 256 << 10), guest(256 << 10));
        }
    }

    @Test
    void ofAFileThatHasBeenCutOnlyWhatIsThereIsRead() throws IOException {
        try (var volume = FileVolume.open(file);
                Arena arena = Arena.ofConfined()) {
            Files.write(file, Arrays.copyOf(content, 5000));
            MemorySegment vector = arena.allocate(16, 8);
            vector.set(ValueLayout.JAVA_LONG, 0, arena.allocate(8192).address());
            vector.set(ValueLayout.JAVA_LONG, 8, 8192L);
            assertTrue(volume.readNow(0, vector, 1) <= 5000);
            assertEquals(0, volume.readNow(8192, vector, 1));
        }
    }
}
