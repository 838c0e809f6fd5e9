package weft.vmhost.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import weft.vmhost.device.TestLine;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.block.VirtioBlock;
import weft.volume.BlockVolume;
import weft.volume.VolumeException;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;

/// VIRTIO_BLK_T_FLUSH over a disk with a cache (virtio 1.2, 5.2.6.2): what was written before is on
/// the disk when the flush is answered, and an answered write alone says nothing.
class BlockFlushTest {
    private static final long FLUSH_FEATURE = 1 << 9;
    private static final long RAM = DriverSide.RAM;
    private static final long STATUS = RAM + 0x800;
    private static final long CONTENT = RAM + 0x1000;
    private static final int UNANSWERED = 0xee;
    private static final int READ = 0;
    private static final int WRITE = 1;
    private static final int FLUSH = 4;
    private static final int ID = 8;
    private static final int DISCARD = 11;
    private static final int WRITE_ZEROES = 13;

    private final GuestMemory memory = new GuestMemory(RAM, 4 << 20);
    private final DriverSide.HandLoop loop = new DriverSide.HandLoop();
    private final List<Runnable> timers = new ArrayList<>();
    private final CachedVolume disk = new CachedVolume();
    private final VirtioMmio transport = transport(disk);
    private final DriverSide driver = new DriverSide(memory, transport, 8);

    private VirtioMmio transport(BlockVolume volume) {
        var block =
                new VirtioBlock(
                        volume,
                        "cached",
                        (_, _) -> {},
                        (_, task) -> {
                            timers.add(task);
                            return () -> timers.remove(task);
                        });
        return new VirtioMmio("virtio0", VirtioForm.MODERN, memory, new TestLine(), loop, block);
    }

    @AfterEach
    void free() {
        memory.close();
    }

    /// A disk that loses what was not flushed. Flushes wait for a word of the test.
    private static final class CachedVolume implements BlockVolume {
        private final byte[] cache = new byte[1 << 16];
        private final byte[] onDisk = new byte[cache.length];
        private final Queue<CompletableFuture<Void>> flushes = new ArrayDeque<>();
        private int flushCount;

        void flushed() {
            System.arraycopy(cache, 0, onDisk, 0, cache.length);
            flushes.remove().complete(null);
        }

        void failed(VolumeException.Reason reason) {
            flushes.remove().completeExceptionally(new VolumeException(reason, "on purpose"));
        }

        @Override
        public CompletableFuture<Void> flush() {
            flushCount++;
            var done = new CompletableFuture<Void>();
            flushes.add(done);
            return done;
        }

        @Override
        public long sizeBytes() {
            return cache.length;
        }

        @Override
        public boolean isReadOnly() {
            return false;
        }

        private static CompletableFuture<Void> done() {
            return CompletableFuture.completedFuture(null);
        }

        @Override
        public CompletableFuture<Void> read(long offsetBytes, ByteBuffer destination) {
            destination.put(cache, (int) offsetBytes, destination.remaining());
            return done();
        }

        @Override
        public CompletableFuture<Void> write(long offsetBytes, ByteBuffer source) {
            source.get(cache, (int) offsetBytes, source.remaining());
            return done();
        }

        @Override
        public CompletableFuture<Void> writeZeroes(long offsetBytes, long lengthBytes) {
            return write(offsetBytes, ByteBuffer.allocate((int) lengthBytes));
        }

        @Override
        public CompletableFuture<Void> discard(long offsetBytes, long lengthBytes) {
            return done();
        }

        @Override
        public void close() {}
    }

    /// A request of sector 0 in descriptors of its own.
    private void request(int slot, int type, int length) {
        long header = RAM + 16L * slot;
        memory.store32(header, type);
        memory.store64(header + 8, 0);
        memory.store8(STATUS + slot, UNANSWERED);
        int first = 3 * slot;
        int next = length == 0 ? first + 2 : first + 1;
        boolean toDevice = type == WRITE || type == DISCARD || type == WRITE_ZEROES;
        int direction = toDevice ? 0 : DriverSide.WRITE;
        driver.descriptor(0, first, header, 16, DriverSide.NEXT, next);
        driver.descriptor(0, first + 1, CONTENT, length, DriverSide.NEXT | direction, first + 2);
        driver.descriptor(0, first + 2, STATUS + slot, 1, DriverSide.WRITE, 0);
        driver.offer(0, first);
        loop.runAll();
    }

    private int status(int slot) {
        return memory.load8(STATUS + slot);
    }

    private void begin() {
        assertTrue((driver.register(0x10) & FLUSH_FEATURE) != 0, "offered");
        driver.begin(FLUSH_FEATURE, 1);
    }

    private void write(int octet) {
        memory.store8(CONTENT, octet);
        request(0, WRITE, 512);
        assertEquals(0, status(0));
    }

    @Test
    void aFlushIsAnsweredWhenWhatWasWrittenBeforeIsOnTheDisk() {
        begin();
        write(0x5a);
        assertEquals(0, disk.onDisk[0], "answered, and not yet safe");
        request(1, FLUSH, 0);
        assertEquals(UNANSWERED, status(1));
        assertEquals(1, driver.usedIndex(0));

        disk.flushed();
        loop.runAll();
        assertEquals(0, status(1));
        assertEquals(2, driver.usedIndex(0));
        assertEquals(0x5a, disk.onDisk[0]);
    }

    @Test
    void aDriverThatCannotFlushIsAnsweredWhenItsWriteIsOnTheDisk() {
        driver.begin(0, 1);
        memory.store8(CONTENT, 0x5a);
        request(0, WRITE, 512);
        assertEquals(UNANSWERED, status(0));

        disk.flushed();
        loop.runAll();
        assertEquals(0, status(0));
        assertEquals(0x5a, disk.onDisk[0]);
    }

    @Test
    void aDriverThatCannotFlushIsAnsweredWhenRangesAreOnTheDisk() {
        driver.begin(1L << 13 | 1L << 14, 1);
        memory.store64(CONTENT, 0);
        memory.store64(CONTENT + 8, 1);
        for (int type : new int[] {DISCARD, WRITE_ZEROES}) {
            request(0, type, 16);
            assertEquals(UNANSWERED, status(0), "type " + type);
            disk.flushed();
            loop.runAll();
            assertEquals(0, status(0), "type " + type);
        }
    }

    @Test
    void aDriverThatCannotFlushIsKnownToTheNextHostToo() throws IOException {
        driver.begin(0, 1);
        request(0, WRITE, 512);
        transport.pause();
        var state = new ByteArrayOutputStream();
        transport.capture(new DataOutputStream(state));

        var there = new CachedVolume();
        VirtioMmio moved = transport(there);
        moved.restore(new DataInputStream(new ByteArrayInputStream(state.toByteArray())));
        moved.resume();
        loop.runAll();
        assertEquals(UNANSWERED, status(0));
        there.flushed();
        loop.runAll();
        assertEquals(0, status(0));
    }

    @Test
    void everyFlushGoesToTheDiskAndNothingElseDoes() {
        begin();
        write(1);
        request(1, READ, 512);
        request(1, ID, 20);
        assertEquals(0, disk.flushCount);
        for (int flushes = 1; flushes <= 3; flushes++) {
            request(1, FLUSH, 0);
            assertEquals(flushes, disk.flushCount);
            disk.flushed();
            loop.runAll();
            assertEquals(0, status(1));
        }
    }

    @Test
    void aFlushThatFailsIsNotCalledDone() {
        begin();
        write(1);
        request(1, FLUSH, 0);
        disk.failed(VolumeException.Reason.CORRUPT);
        loop.runAll();
        assertEquals(1, status(1), "VIRTIO_BLK_S_IOERR");
    }

    @Test
    void aFlushThatIsLateIsAskedForAgainAndAnsweredOnce() {
        begin();
        write(1);
        request(1, FLUSH, 0);
        disk.failed(VolumeException.Reason.TIMED_OUT);
        loop.runAll();
        assertEquals(UNANSWERED, status(1));

        timers.removeFirst().run();
        loop.runAll();
        assertEquals(2, disk.flushCount);
        assertEquals(UNANSWERED, status(1));
        disk.flushed();
        loop.runAll();
        assertEquals(0, status(1));
        assertEquals(2, driver.usedIndex(0));
    }

    @Test
    void aFlushThatAMoveInterruptsIsMadeByTheNextHost() throws IOException {
        begin();
        write(1);
        request(1, FLUSH, 0);
        transport.pause();
        var state = new ByteArrayOutputStream();
        transport.capture(new DataOutputStream(state));

        var there = new CachedVolume();
        VirtioMmio moved = transport(there);
        moved.restore(new DataInputStream(new ByteArrayInputStream(state.toByteArray())));
        moved.resume();
        loop.runAll();
        assertEquals(1, there.flushCount);
        assertEquals(UNANSWERED, status(1));
        there.flushed();
        loop.runAll();
        assertEquals(0, status(1));
    }
}
