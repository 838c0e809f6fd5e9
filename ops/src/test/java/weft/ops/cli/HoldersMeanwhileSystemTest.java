package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.fabric.Attachment;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.transport.Caller;
import weft.transport.Handshake;
import weft.volume.PoolClient;
import weft.volume.RemoteVolume;
import weft.wire.WireMessage;
import weft.wire.holder.HolderMessage;
import weft.wire.holder.HolderMessage.Standing;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/// Holders that come, go and linger while volumes are cut and rolled back.
@Timeout(180)
final class HoldersMeanwhileSystemTest extends VolumeSystemTest {
    /// It answers its writes without waiting for the others.
    @Test
    void aHolderThatComesDuringACutMakesItVoid() throws Exception {
        create("held");
        create("unheld");
        var settles = new AtomicInteger();
        var newcomer = new AtomicReference<HolderProcess>();
        HolderProcess.Deafness ear =
                own ->
                        (message, caller) -> {
                            if (message instanceof HolderMessage.Settle
                                    && settles.incrementAndGet() == 1) {
                                open(newcomer);
                            }
                            own.onMessage(message, caller);
                        };
        try (var holder = new HolderProcess(fabric(), "held-host", ear);
                RemoteVolume held = holder.open("held")) {
            write(held, 0, (byte) 1, BLOCK);
            newcomer.set(new HolderProcess(fabric(), "unheld-host"));
            type("volume snapshot held@cut unheld@cut");
            assertTrue(record("unheld").layers().size() >= 3, "the first attempt was void");
            assertArrayEquals(filled(1, BLOCK), readOnce("held@cut", 0, BLOCK));
        } finally {
            newcomer.get().close();
        }
    }

    private static void open(AtomicReference<HolderProcess> newcomer) {
        try {
            newcomer.get().open("unheld");
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /// What it holds back for the first question it lets go before the second is answered.
    @Test
    void aProcessThatHadToBeAskedTwiceMakesTheCutVoid() throws Exception {
        create("knows");
        create("knows-not");
        var switches = new AtomicInteger();
        HolderProcess.Deafness ear =
                own ->
                        (message, caller) -> {
                            if (message instanceof HolderMessage.Switch
                                    && switches.incrementAndGet() == 1) {
                                caller.reply(
                                        new HolderMessage.Switched(
                                                List.of(Standing.UNKNOWN), false));
                            } else {
                                own.onMessage(message, caller);
                            }
                        };
        try (var one = new HolderProcess(fabric(), "knows-host");
                var two = new HolderProcess(fabric(), "knows-not-host", ear);
                RemoteVolume knows = one.open("knows");
                RemoteVolume knowsNot = two.open("knows-not")) {
            write(knows, 0, (byte) 1, BLOCK);
            write(knowsNot, 0, (byte) 2, BLOCK);
            type("volume snapshot knows@cut knows-not@cut");
            assertTrue(record("knows").layers().size() >= 3, "the first attempt was void");
            write(knows, 0, (byte) 3, BLOCK);
            write(knowsNot, 0, (byte) 3, BLOCK);
            assertArrayEquals(filled(1, BLOCK), readOnce("knows@cut", 0, BLOCK));
            assertArrayEquals(filled(2, BLOCK), readOnce("knows-not@cut", 0, BLOCK));
        }
    }

    /// What it accepts for the second volume between the two questions may be caused by what it
    /// answered of the first.
    @Test
    void aProcessThatSwitchedOneOfItsVolumesLaterMakesTheCutVoid() throws Exception {
        create("sooner");
        create("later");
        var switches = new AtomicInteger();
        HolderProcess.Deafness ear =
                own ->
                        (message, caller) -> {
                            if (message instanceof HolderMessage.Switch cut
                                    && cut.volumes().size() == 2
                                    && switches.incrementAndGet() == 1) {
                                var half =
                                        new HolderMessage.Switch(
                                                cut.cut(),
                                                cut.holdMillis(),
                                                cut.volumes().subList(0, 1));
                                own.onMessage(half, new HalfAnswer(caller));
                            } else {
                                own.onMessage(message, caller);
                            }
                        };
        try (var one = new HolderProcess(fabric(), "halves-host", ear);
                RemoteVolume sooner = one.open("sooner");
                RemoteVolume later = one.open("later")) {
            write(sooner, 0, (byte) 1, BLOCK);
            write(later, 0, (byte) 2, BLOCK);
            type("volume snapshot sooner@cut later@cut");
            assertEquals(2, switches.get(), "the first attempt was void");
            assertArrayEquals(filled(1, BLOCK), readOnce("sooner@cut", 0, BLOCK));
            assertArrayEquals(filled(2, BLOCK), readOnce("later@cut", 0, BLOCK));
        }
    }

    /// Says of a second volume that it is not known (yet).
    private record HalfAnswer(Caller asker) implements Caller {
        @Override
        public Handshake peer() {
            return asker.peer();
        }

        @Override
        public boolean expectsReply() {
            return asker.expectsReply();
        }

        @Override
        public void charge(int bytes) {
            asker.charge(bytes);
        }

        @Override
        public void send(WireMessage message) {
            asker.send(message);
        }

        @Override
        public void reply(WireMessage message) {
            var told = (HolderMessage.Switched) message;
            asker.reply(
                    new HolderMessage.Switched(
                            List.of(told.standings().getFirst(), Standing.UNKNOWN), told.alone()));
        }

        @Override
        public void fail(String reason) {
            asker.fail(reason);
        }
    }

    /// The claim of its successor reached the coordination, and not one storage node.
    @Test
    void aHolderOfBeforeWhoHeardNothingCannotWriteToWhatIsSealed() throws Exception {
        create("twice");
        try (var one = new HolderProcess(fabric(), "twice-old");
                var two = new HolderProcess(fabric(), "twice-new");
                RemoteVolume old = one.open("twice")) {
            write(old, 0, (byte) 1, BLOCK);
            Attachment taken = takeQuietly("twice", "twice-new");
            try (RemoteVolume successor =
                    two.pool().open(new PoolClient.Claimed(record("twice"), taken))) {
                type("volume snapshot twice@cut");
                assertEquals(3, record("twice").layers().size(), "the first attempt was void");
                for (int chunk = 0; chunk < 4; chunk++) {
                    long offset = chunk * (long) CHUNK;
                    assertTrue(
                            fails(() -> old.write(offset, ByteBuffer.allocate(BLOCK)).get()),
                            "chunk " + chunk);
                }
                write(successor, 0, (byte) 2, BLOCK);
            }
            assertArrayEquals(filled(1, BLOCK), readOnce("twice@cut", 0, BLOCK));
        }
    }

    private Attachment takeQuietly(String volume, String host) throws IOException {
        FabricRecords records = fabric().session().records();
        var process = new Attachment.Process(NodePresence.Role.HOST, new NodeId(host));
        return records.update(
                        FabricPaths.attachment(record(volume).id()),
                        Attachment.class,
                        now ->
                                new Attachment(
                                        now.volume(),
                                        "vm test @ " + host,
                                        now.token() + 1,
                                        process))
                .orElseThrow();
    }

    /// The cut waits for a process that is gone; its successor is not what it takes the volume
    /// from.
    @Test
    void whoClaimsWhileACutWaitsForItsPredecessorKeepsTheVolume() throws Exception {
        create("heir");
        try (var gone = new HolderProcess(fabric(), "heir-old")) {
            write(gone.open("heir"), 0, (byte) 1, BLOCK);
        }
        // It is there, and knows nothing of the volume.
        try (var empty = new HolderProcess(fabric(), "heir-old");
                var two = new HolderProcess(fabric(), "heir-new");
                ExecutorService threads = Executors.newCachedThreadPool()) {
            Future<?> cut = threads.submit(() -> type("volume snapshot heir@cut"));
            Await.until("the cut has begun", () -> record("heir").layers().size() == 2);
            try (RemoteVolume heir = two.open("heir")) {
                cut.get(60, TimeUnit.SECONDS);
                write(heir, 0, (byte) 2, BLOCK);
                assertEquals(2, token("heir"), "the heir's own");
            }
            assertTrue(empty.pool() != null);
            assertArrayEquals(filled(1, BLOCK), readOnce("heir@cut", 0, BLOCK));
        }
    }

    /// Nothing of what it still writes would be found again.
    @Test
    void whoHeldAVolumeThatIsRolledBackIsRefused() throws Exception {
        create("back");
        try (var one = new HolderProcess(fabric(), "back-host");
                RemoteVolume held = one.open("back")) {
            write(held, 0, (byte) 1, BLOCK);
            type("volume snapshot back@first");
            assertEquals(2, record("back").layers().size(), "in one attempt");
            write(held, 0, (byte) 2, BLOCK);
            type("volume rollback back@first");
            for (int chunk = 0; chunk < 4; chunk++) {
                long offset = chunk * (long) CHUNK;
                assertTrue(
                        fails(() -> held.write(offset, ByteBuffer.allocate(BLOCK)).get()),
                        "chunk " + chunk);
            }
            assertArrayEquals(filled(1, BLOCK), readOnce("back", 0, BLOCK));
        }
        type("volume create other --size 16M");
        type("volume snapshot other@first");
        Volume foreign = record("back@first").withName("other@first");
        var _ =
                fabric().session()
                        .records()
                        .update(FabricPaths.volume("other@first"), Volume.class, _ -> foreign);
        LoopbackFabric.Ended strange = fabric().type("volume rollback other@first");
        assertEquals(ExitCode.REFUSED.value(), strange.exitCode());
        assertTrue(strange.err().contains("of another volume"), strange.err());
    }
}
