package weft.vmhost.virtio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import weft.vmhost.device.TestLine;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.memory.LatePages;
import weft.vmhost.virtio.block.VirtioBlock;
import weft.volume.FileVolume;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.SplittableRandom;

/// A disk whose driver names pages that have not come yet: the request is done when they have, and
/// no thread waits for them.
@Timeout(60)
class AbsentBufferTest {
    private static final long RAM = DriverSide.RAM;
    private static final long BUFFER = RAM + 0x2_0000;
    private static final int BYTES = 3 * 4096;

    private final GuestMemory memory = new GuestMemory(RAM, 4 << 20);
    private final DriverSide.HandLoop loop = new DriverSide.HandLoop();
    private final TestLine line = new TestLine();

    @TempDir private Path folder = Path.of("set by JUnit");

    @AfterEach
    void free() {
        memory.close();
    }

    private FileVolume volume() throws IOException {
        Path file = folder.resolve("disk");
        var content = new byte[1 << 20];
        new Random(1).nextBytes(content);
        Files.write(file, content);
        return FileVolume.open(file);
    }

    private VirtioMmio disk(FileVolume volume, GuestMemory of) {
        var disk = new VirtioBlock(volume, "disk", (_, _) -> {}, (_, _) -> () -> {});
        return new VirtioMmio("virtio0", VirtioForm.MODERN, of, line, loop, disk);
    }

    private void offer(DriverSide driver, int type) {
        memory.store32(RAM, type);
        memory.store64(RAM + 8, 4);
        memory.store8(RAM + 16, 0xff);
        int flags = type == 0 ? DriverSide.WRITE : 0;
        driver.descriptor(0, 0, RAM, 16, DriverSide.NEXT, 1);
        driver.descriptor(0, 1, BUFFER, BYTES, DriverSide.NEXT | flags, 2);
        driver.descriptor(0, 2, RAM + 16, 1, DriverSide.WRITE, 0);
        driver.offer(0, 0);
        loop.runAll();
    }

    private LatePages expectBuffer() {
        try (var other = new GuestMemory(RAM, 4 << 20)) {
            other.write(BUFFER, ByteBuffer.allocate(BYTES));
            return LatePages.of(other.touchedPages(), memory, memory);
        }
    }

    private byte[] buffer() {
        var bytes = new byte[BYTES];
        memory.read(BUFFER, ByteBuffer.wrap(bytes));
        return bytes;
    }

    private void awaitUsed(DriverSide driver) throws Exception {
        weft.fixtures.Await.until(
                "the answer",
                () -> {
                    loop.runAll();
                    return driver.usedIndex(0) == 1;
                });
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void aRequestWaitsForItsBuffersAndNobodyWaitsForIt(int type) throws Exception {
        try (FileVolume volume = volume()) {
            byte[] disk = Files.readAllBytes(folder.resolve("disk"));
            var written = new byte[BYTES];
            new Random(2).nextBytes(written);
            memory.write(BUFFER, ByteBuffer.wrap(written));
            VirtioMmio transport = disk(volume, memory);
            var driver = new DriverSide(memory, transport, 8);
            driver.begin(0, 1);
            loop.runAll();
            LatePages source = expectBuffer();
            offer(driver, type);

            assertEquals(0, driver.usedIndex(0));
            assertEquals(3, source.wanted().size(), "all that the chain needs, at once");
            assertFalse(transport.isIdle());
            var random = new SplittableRandom(3);
            while (source.deliverWanted(random)) {
                loop.runAll();
            }
            awaitUsed(driver);
            assertEquals(0, memory.load8(RAM + 16));
            byte[] expected = type == 0 ? Arrays.copyOfRange(disk, 2048, 2048 + BYTES) : written;
            assertArrayEquals(expected, buffer());
            byte[] after = Files.readAllBytes(folder.resolve("disk"));
            assertArrayEquals(expected, Arrays.copyOfRange(after, 2048, 2048 + BYTES));
            assertFalse(driver.needsReset());
            assertTrue(line.isHigh());
        }
    }

    /// As after post-copy: the request stands in a ring that is absent itself.
    @Test
    void aQueueWhoseRingsAreAbsentIsServedWhenTheyCome() throws Exception {
        try (FileVolume volume = volume();
                var here = new GuestMemory(RAM, 4 << 20)) {
            VirtioMmio before = disk(volume, memory);
            var driver = new DriverSide(memory, before, 8);
            driver.begin(0, 1);
            loop.runAll();
            before.pause();
            offer(driver, 0);
            var state = new ByteArrayOutputStream();
            before.capture(new DataOutputStream(state));

            VirtioMmio after = disk(volume, here);
            after.restore(new DataInputStream(new ByteArrayInputStream(state.toByteArray())));
            LatePages source = LatePages.of(here.allPages(), memory, here);
            after.resume();
            loop.runAll();
            var random = new SplittableRandom(4);
            for (int rounds = 0; rounds < 20; rounds++) {
                boolean _ = source.deliverWanted(random);
                loop.runAll();
            }
            weft.fixtures.Await.until(
                    "the answer",
                    () -> {
                        loop.runAll();
                        return here.isPresent(DriverSide.usedRing(0), 8)
                                && here.load16(DriverSide.usedRing(0) + 2) == 1;
                    });
            var read = new byte[BYTES];
            here.read(BUFFER, ByteBuffer.wrap(read));
            byte[] disk = Files.readAllBytes(folder.resolve("disk"));
            assertArrayEquals(Arrays.copyOfRange(disk, 2048, 2048 + BYTES), read);
        }
    }
}
