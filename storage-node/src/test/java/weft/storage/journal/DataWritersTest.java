package weft.storage.journal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.storage.disk.Disk;
import weft.storage.disk.StoreIdentity;
import weft.storage.simulation.FaultyDisk;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;

/// Bytes that records rely on are written by threads of their own, and no record is durable before
/// its own are.
@Timeout(60)
class DataWritersTest {
    private static final int LENGTH_BYTES = 600 << 10;
    private static final JournalSettings SETTINGS =
            new JournalSettings(1 << 20, 64 << 10, 64 << 10, 16 << 20, 16 << 20);

    /// What happens before a chunk file is written.
    private interface Gate {
        void pass() throws Exception;
    }

    private final FaultyDisk disk = new FaultyDisk(new Random(1));
    private final List<String> durable = new CopyOnWriteArrayList<>();
    private final List<IOException> failures = new CopyOnWriteArrayList<>();

    private GroupCommit open(Gate gate) throws IOException {
        disk.createFolder("chunks");
        var gated =
                (Disk)
                        Proxy.newProxyInstance(
                                Disk.class.getClassLoader(),
                                new Class<?>[] {Disk.class},
                                (_, method, arguments) -> {
                                    if (arguments != null
                                            && Arrays.asList(arguments).contains(Disk.Use.DATA)) {
                                        gate.pass();
                                    }
                                    try {
                                        return method.invoke(disk, arguments);
                                    } catch (InvocationTargetException e) {
                                        throw e.getCause();
                                    }
                                });
        var identity = new StoreIdentity(new UUID(1, 1), new UUID(2, 2));
        var journal = GroupCommit.open(gated, identity, SETTINGS, 1, (_, _) -> {}, failures::add);
        journal.start();
        return journal;
    }

    private static ByteBuffer bytes(int seed) {
        byte[] bytes = new byte[LENGTH_BYTES];
        new Random(seed).nextBytes(bytes);
        return ByteBuffer.wrap(bytes);
    }

    private void appendSmall(GroupCommit journal, String name, CountDownLatch done) {
        append(journal, name, null, done);
    }

    private void appendLarge(GroupCommit journal, String name, int seed, CountDownLatch done)
            throws IOException {
        String file = "chunks/" + name;
        disk.open(file, Disk.Use.BUFFERED).close();
        append(journal, name, new DataBytes(file, List.of("chunks"), 4096, bytes(seed)), done);
    }

    private void append(
            GroupCommit journal, String name, @Nullable DataBytes data, CountDownLatch done) {
        journal.append(
                List.of(ByteBuffer.wrap(name.getBytes())),
                data,
                () -> {
                    durable.add(name);
                    done.countDown();
                });
    }

    @Test
    void aRecordWaitsForItsBytesAndThoseBeforeItDoNot() throws Exception {
        var gate = new CountDownLatch(1);
        // Opened before the journal is closed, whatever was found.
        try (GroupCommit journal = open(gate::await);
                AutoCloseable _ = gate::countDown) {
            var small = new CountDownLatch(1);
            var large = new CountDownLatch(1);
            var last = new CountDownLatch(1);
            appendSmall(journal, "small", small);
            appendLarge(journal, "large", 7, large);
            appendSmall(journal, "last", last);
            assertTrue(small.await(30, SECONDS));
            assertFalse(large.await(200, MILLISECONDS), "durable before its bytes are");
            assertEquals(List.of("small"), durable);
            gate.countDown();
            assertTrue(last.await(30, SECONDS));
        }
        assertEquals(List.of("small", "large", "last"), durable);
        byte[] written = disk.contents("chunks/large");
        assertArrayEquals(bytes(7).array(), Arrays.copyOfRange(written, 4096, 4096 + LENGTH_BYTES));
    }

    /// Each waits until the others are there, too.
    @Test
    void severalAreWrittenAtTheSameTime() throws Exception {
        var together = new CyclicBarrier(3);
        try (GroupCommit journal = open(() -> together.await(30, SECONDS))) {
            for (int i = 0; i < 3; i++) {
                appendLarge(journal, "large" + i, i, new CountDownLatch(1));
            }
            journal.flush();
        }
        assertEquals(List.of("large0", "large1", "large2"), durable);
    }

    @Test
    void bytesThatCannotBeWrittenFailTheJournalOnce() throws Exception {
        Gate broken =
                () -> {
                    throw new IOException("no such disk");
                };
        try (GroupCommit journal = open(broken)) {
            appendLarge(journal, "one", 1, new CountDownLatch(1));
            appendLarge(journal, "two", 2, new CountDownLatch(1));
            assertThrows(IOException.class, journal::flush);
        }
        assertEquals(List.of(), durable);
        assertEquals(
                List.of("no such disk"), failures.stream().map(Throwable::getMessage).toList());
    }

    /// Nobody else may have the files before.
    @Test
    void closingWaitsForWhatWasBegun() throws Exception {
        var begun = new CountDownLatch(1);
        var gate = new CountDownLatch(1);
        GroupCommit journal =
                open(() -> {
                    begun.countDown();
                    gate.await();
                });
        appendLarge(journal, "large", 3, new CountDownLatch(1));
        assertTrue(begun.await(30, SECONDS));
        journal.abandon(new IOException("the store failed"));
        Thread closing =
                Thread.ofPlatform()
                        .start(() -> {
                            try {
                                journal.close();
                            } catch (IOException e) {
                                failures.add(e);
                            }
                        });
        assertFalse(closing.join(Duration.ofMillis(200)), "closed while it is written");
        gate.countDown();
        assertTrue(closing.join(Duration.ofSeconds(30)));
        assertEquals(List.of(), durable);
        assertEquals(List.of(), failures);
    }
}
