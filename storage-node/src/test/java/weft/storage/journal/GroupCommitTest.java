package weft.storage.journal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.fixtures.Await;
import weft.runtime.Loop;
import weft.storage.disk.StoreIdentity;
import weft.storage.simulation.FaultyDisk;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/// Who writes: the journal's thread, or a loop in its place; and whose work that thread does.
@Timeout(60)
class GroupCommitTest {
    private static final StoreIdentity IDENTITY = new StoreIdentity(new UUID(1, 2), new UUID(3, 4));
    private static final JournalSettings ROOMY =
            new JournalSettings(1 << 20, 64 << 10, 64 << 10, 8 << 20, 64 << 20);
    private static final JournalSettings CROWDED =
            new JournalSettings(1 << 20, 4 << 10, 1 << 10, 1 << 10, 64 << 20);
    private static final JournalSettings NARROW =
            new JournalSettings(32 << 10, 12 << 10, 12 << 10, 16 << 10, 128 << 10);

    private final FaultyDisk disk = new FaultyDisk(new Random(1));
    private final List<byte[]> recovered = new ArrayList<>();

    private GroupCommit open(JournalSettings settings) throws IOException {
        recovered.clear();
        return GroupCommit.open(
                disk, IDENTITY, settings, 1, (record, epoch) -> recovered.add(record), e -> {});
    }

    private static void append(GroupCommit journal, int producer, int number, Runnable durable) {
        var record = ByteBuffer.allocate(200).putInt(producer).putInt(number).clear();
        journal.append(List.of(record), durable);
    }

    @Test
    void theLoopThatAppendsOneRecordAtATimeWritesItItself() throws Exception {
        List<String> writers = new ArrayList<>();
        try (GroupCommit journal = open(ROOMY);
                Loop loop = Loop.gathering("own")) {
            journal.start();
            for (int i = 0; i < 200; i++) {
                int number = i;
                var durable = new CompletableFuture<String>();
                loop.execute(() ->
                        append(
                                journal,
                                0,
                                number,
                                () -> durable.complete(Thread.currentThread().getName())));
                writers.add(durable.get(10, TimeUnit.SECONDS));
                // It says so before it goes to sleep.
                Await.until(
                        "it sleeps",
                        () ->
                                Thread.getAllStackTraces().keySet().stream()
                                        .filter(thread -> thread.getName().startsWith("journal-"))
                                        .allMatch(thread ->
                                                thread.getState() == Thread.State.WAITING));
            }
        }
        assertTrue(writers.subList(0, 8).stream().allMatch(name -> name.startsWith("journal-")));
        assertEquals(List.of("own"), writers.subList(8, 200).stream().distinct().toList());
        open(ROOMY).close();
        assertEquals(200, recovered.size());
    }

    /// Appends, one record at a time and now and then several together, and goes on when a client
    /// has heard that all are durable.
    private static final class Producer {
        static final int RECORDS = 4_000;

        final List<Integer> told = new ArrayList<>();
        final Set<String> writers = new HashSet<>();
        final CompletableFuture<Void> ended = new CompletableFuture<>();
        private final GroupCommit journal;
        private final Loop loop;
        private final Executor client;
        private final int number;
        private final Random random;
        private int next;
        private int waitsFor;

        Producer(GroupCommit journal, Loop loop, Executor client, int number) {
            this.journal = journal;
            this.loop = loop;
            this.client = client;
            this.number = number;
            random = new Random(number);
        }

        void goOn() {
            int together = random.nextInt(50) == 0 ? 5 : 1;
            for (int i = 0; i < together && next < RECORDS; i++) {
                int record = next++;
                waitsFor++;
                journal.awaitRoom();
                append(journal, number, record, () -> onDurable(record));
            }
        }

        private void onDurable(int record) {
            String writer = Thread.currentThread().getName();
            loop.execute(() -> {
                writers.add(writer.substring(0, 8));
                told.add(record);
                if (told.size() == RECORDS) {
                    ended.complete(null);
                } else if (--waitsFor == 0) {
                    client.execute(() -> loop.execute(this::goOn));
                }
            });
        }
    }

    @Test
    void whoeverWritesEachRecordIsWrittenOnceAndInItsProducersOrder() throws Exception {
        List<Producer> producers = new ArrayList<>();
        try (GroupCommit journal = open(CROWDED);
                Loop first = Loop.gathering("producer-0");
                Loop second = Loop.gathering("producer-1");
                Loop client = new Loop("client")) {
            journal.start();
            for (Loop loop : List.of(first, second)) {
                var producer = new Producer(journal, loop, client, producers.size());
                producers.add(producer);
                loop.execute(producer::goOn);
            }
            for (Producer producer : producers) {
                producer.ended.get(50, TimeUnit.SECONDS);
            }
        }
        open(CROWDED).close();
        assertEquals(2 * Producer.RECORDS, recovered.size());
        int[] next = {0, 0};
        for (byte[] record : recovered) {
            var fields = ByteBuffer.wrap(record);
            int producer = fields.getInt();
            assertEquals(next[producer]++, fields.getInt());
        }
        for (Producer producer : producers) {
            assertEquals(producer.told.stream().sorted().toList(), producer.told);
            assertEquals(Set.of("journal-", "producer"), producer.writers);
        }
    }

    /// Lent work that fills the journal does not wait for the thread that it runs on.
    @Test
    void lentWorkDoesNotWaitForTheJournalsThread() throws Exception {
        try (GroupCommit journal = open(NARROW);
                Loop loop = Loop.gathering("own")) {
            var asleep = new CompletableFuture<Thread>();
            loop.execute(() -> asleep.complete(Thread.currentThread()));
            Await.until("it sleeps", () -> asleep.get().getState() == Thread.State.WAITING);
            var ran = new CompletableFuture<String>();
            journal.start();
            append(
                    journal,
                    0,
                    0,
                    () ->
                            loop.execute(() -> {
                                while (!journal.isCongested()) {
                                    append(journal, 0, 1, () -> {});
                                }
                                journal.awaitRoom();
                                ran.complete(Thread.currentThread().getName());
                            }));
            String name = ran.get(20, TimeUnit.SECONDS);
            assertTrue(name.startsWith("journal-"), name);
        }
    }
}
