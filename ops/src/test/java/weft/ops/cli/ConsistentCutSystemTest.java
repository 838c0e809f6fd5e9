package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.coordination.FabricPaths;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.ops.admin.VolumeAdmin;
import weft.ops.pool.ConsistentCut;
import weft.ops.pool.PoolSession;
import weft.transport.Endpoint;
import weft.volume.BlockVolume;
import weft.volume.RemoteVolume;
import weft.wire.holder.HolderMessage;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/// Cuts through volumes that are being written: what is in them, and who is waited for.
@Timeout(180)
final class ConsistentCutSystemTest extends VolumeSystemTest {
    private static final int SECTOR = 512;
    private static final Executor SOON =
            CompletableFuture.delayedExecutor(8, TimeUnit.MILLISECONDS);
    private static final Executor LATE =
            CompletableFuture.delayedExecutor(200, TimeUnit.MILLISECONDS);

    /// Two processes write counters in turns, each write after the last one's answer, in several
    /// chains at once. In a cut the second volume may not know of more than the first, nor lag by
    /// more than one: no write in the cut was issued after the answer of a write outside it.
    @Test
    void aCutOverVolumesOfTwoProcessesIsClosedUnderWhatCausedWhat() throws Exception {
        create("cause");
        create("effect");
        int chains = 6;
        var stop = new AtomicBoolean();
        var switches = new AtomicInteger();
        try (var one = new HolderProcess(fabric(), "one", ear -> slowEar(ear, switches));
                var two = new HolderProcess(fabric(), "two", ear -> slowEar(ear, switches));
                RemoteVolume cause = one.open("cause");
                RemoteVolume effect = two.open("effect");
                var pool =
                        new PoolSession(
                                fabric().session().records().store(), fabric().session()::image);
                ExecutorService threads = Executors.newCachedThreadPool()) {
            List<Future<Long>> writers = new ArrayList<>();
            for (int chain = 0; chain < chains; chain++) {
                long offset = chain * 3L * CHUNK;
                writers.add(threads.submit(() -> countInTurns(cause, effect, offset, stop)));
            }
            int cuts = 20;
            try {
                for (int cut = 0; cut < cuts; cut++) {
                    var wanted =
                            List.of(
                                    new ConsistentCut.Snapshot("cause", "c" + cut),
                                    new ConsistentCut.Snapshot("effect", "c" + cut));
                    List<Volume> made =
                            new ConsistentCut(
                                            pool,
                                            fabric().session().records(),
                                            fabric().session()::image)
                                    .take(wanted, false);
                    try (BlockVolume causes = pool.client().openReadOnly(made.getFirst());
                            BlockVolume effects = pool.client().openReadOnly(made.getLast())) {
                        for (int chain = 0; chain < chains; chain++) {
                            long offset = chain * 3L * CHUNK;
                            long x = counter(causes, offset);
                            long y = counter(effects, offset);
                            assertTrue(
                                    y <= x && x <= y + 1,
                                    "cut %d, chain %d: %d after %d".formatted(cut, chain, y, x));
                        }
                    }
                    for (Volume snapshot : made) {
                        // Layers stay few.
                        var _ =
                                fabric().session()
                                        .records()
                                        .delete(FabricPaths.volume(snapshot.name()));
                    }
                }
            } finally {
                stop.set(true);
            }
            for (Future<Long> writer : writers) {
                assertTrue(writer.get(30, TimeUnit.SECONDS) > 5, "it went on meanwhile");
            }
        }
    }

    /// Of the two processes now the one and now the other hears of the cut some milliseconds late:
    /// longer than a write takes, and shorter than answers may be withheld.
    private static Endpoint slowEar(Endpoint ear, AtomicInteger switches) {
        return (message, caller) -> {
            if (message instanceof HolderMessage.Switch && switches.incrementAndGet() % 3 == 0) {
                SOON.execute(() -> ear.onMessage(message, caller));
            } else {
                ear.onMessage(message, caller);
            }
        };
    }

    private static long countInTurns(
            BlockVolume cause, BlockVolume effect, long offset, AtomicBoolean stop)
            throws Exception {
        long n = 0;
        while (!stop.get()) {
            n++;
            for (BlockVolume volume : List.of(cause, effect)) {
                ByteBuffer block = ByteBuffer.allocate(BLOCK);
                block.putLong(0, n);
                volume.write(offset, block).get(30, TimeUnit.SECONDS);
            }
        }
        return n;
    }

    private static long counter(BlockVolume volume, long offset) throws Exception {
        return ByteBuffer.wrap(read(volume, offset, BLOCK)).getLong(0);
    }

    /// Eight writers, each in its own sector of one block: a write of a part of a block in the new
    /// layer is completed from the old one, and must not miss what was still on its way there.
    @Test
    void partsOfABlockThatAreWrittenDuringASnapshotAreNotLost() throws Exception {
        create("sectors");
        var stop = new AtomicBoolean();
        var tooOld = new AtomicInteger();
        try (var holder = new HolderProcess(fabric(), "sectors-host");
                RemoteVolume volume = holder.open("sectors");
                ExecutorService threads = Executors.newCachedThreadPool()) {
            List<Future<Long>> writers = new ArrayList<>();
            for (int sector = 0; sector < BLOCK / SECTOR; sector++) {
                long offset = sector * (long) SECTOR;
                writers.add(
                        threads.submit(() -> {
                            long n = 0;
                            while (!stop.get()) {
                                ByteBuffer bytes = ByteBuffer.allocate(SECTOR);
                                bytes.putLong(0, ++n);
                                volume.write(offset, bytes).get(30, TimeUnit.SECONDS);
                                byte[] back = read(volume, offset, SECTOR);
                                if (ByteBuffer.wrap(back).getLong(0) != n) {
                                    tooOld.incrementAndGet();
                                }
                            }
                            return n;
                        }));
            }
            try {
                for (int cut = 0; cut < 20; cut++) {
                    type("volume snapshot sectors@s" + cut);
                    type("volume delete sectors@s" + cut);
                }
            } finally {
                stop.set(true);
            }
            for (int sector = 0; sector < writers.size(); sector++) {
                long last = writers.get(sector).get(30, TimeUnit.SECONDS);
                byte[] bytes = read(volume, sector * (long) SECTOR, SECTOR);
                assertEquals(last, ByteBuffer.wrap(bytes).getLong(0), "sector " + sector);
            }
            assertEquals(0, tooOld.get(), "each read what it had written");
            // The holder still reads through all the layers there were.
            Await.until(
                    "the layers of 20 deleted snapshots are merged",
                    Duration.ofSeconds(60),
                    () -> record("sectors").layers().size() == 2);
            for (int sector = 0; sector < writers.size(); sector++) {
                byte[] bytes = read(volume, sector * (long) SECTOR, SECTOR);
                assertEquals(writers.get(sector).get(), ByteBuffer.wrap(bytes).getLong(0));
            }
            assertArrayEquals(read(volume, 0, BLOCK), readOnce("sectors", 0, BLOCK));
        }
    }

    /// A holder that hears late: what it withheld it had to let go, and such a cut does not count.
    @Test
    void aCutThatAProcessCouldNotBeHeldForIsTriedAgain() throws Exception {
        create("prompt");
        create("late");
        var settles = new AtomicInteger();
        HolderProcess.Deafness deaf =
                ear ->
                        (message, caller) -> {
                            if (message instanceof HolderMessage.Settle
                                    && settles.incrementAndGet() == 1) {
                                LATE.execute(() -> ear.onMessage(message, caller));
                            } else {
                                ear.onMessage(message, caller);
                            }
                        };
        try (var one = new HolderProcess(fabric(), "prompt-host");
                var two = new HolderProcess(fabric(), "late-host", deaf);
                RemoteVolume prompt = one.open("prompt");
                RemoteVolume late = two.open("late")) {
            write(prompt, 0, (byte) 1, BLOCK);
            write(late, 0, (byte) 1, BLOCK);
            type("volume snapshot prompt@cut late@cut");
            assertTrue(settles.get() >= 2, "the first cut was void");
            assertTrue(record("late").layers().size() >= 3, "and left a layer");
            assertArrayEquals(filled(1, BLOCK), readOnce("late@cut", 0, BLOCK));
        }
    }

    /// Nobody is known to have ended its writes: the volume is taken away from it, unless it is in
    /// use.
    @Test
    void aHolderThatIsGoneIsFenced() throws Exception {
        create("orphan");
        var gone = new HolderProcess(fabric(), "gone-host");
        RemoteVolume volume = gone.open("orphan");
        write(volume, 0, (byte) 1, BLOCK);
        long token = token("orphan");
        // It is there, and does not say so.
        gone.close();
        try (var back = new HolderProcess(fabric(), "gone-host")) {
            type("volume snapshot orphan@end");
            assertTrue(back.pool() != null);
        }
        assertArrayEquals(filled(1, BLOCK), readOnce("orphan@end", 0, BLOCK));
        Await.until("a higher token", () -> token("orphan") > token);

        create("offered");
        type("volume export offered");
        try (var holder = new HolderProcess(fabric(), "mute-host", ear -> (message, caller) -> {});
                RemoteVolume offered = holder.open("offered")) {
            write(offered, 0, (byte) 1, BLOCK);
            LoopbackFabric.Ended mute = fabric().type("volume snapshot offered@x");
            assertEquals(ExitCode.REFUSED.value(), mute.exitCode(), mute.out());
            assertTrue(mute.err().contains("does not answer"), mute.err());
            // A shrink asks first: it leaves not even a layer.
            Volume before = record("offered");
            String why = refused("volume resize offered --size 32M --allow-shrink");
            assertTrue(why.contains("does not answer"), why);
            assertEquals(before, record("offered"));
            write(offered, 0, (byte) 2, BLOCK);
            type("volume snapshot offered@x --force");
            Callable<Object> late = () -> offered.write(0, ByteBuffer.allocate(BLOCK)).get();
            assertTrue(fails(late), "the old holder is refused");
            assertArrayEquals(filled(2, BLOCK), readOnce("offered@x", 0, BLOCK));
        }
    }

    @Test
    void aVolumeThatNobodyHoldsIsCutToo() throws Exception {
        create("fresh");
        type("volume snapshot fresh@empty");
        assertEquals(1, record("fresh@empty").layers().size());
        assertEquals(2, record("fresh").layers().size());
        try (var holder = new HolderProcess(fabric(), "fresh-host");
                RemoteVolume volume = holder.open("fresh")) {
            write(volume, 0, (byte) 1, BLOCK);
        }
        assertArrayEquals(filled(0, BLOCK), readOnce("fresh@empty", 0, BLOCK));
        assertEquals(
                Volume.Access.READ_ONLY,
                VolumeAdmin.find(fabric().session().image(), "fresh@empty").access());
    }
}
