package weft.volume;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.wire.WireMessage;
import weft.wire.storage.BlockChecksums;
import weft.wire.storage.StorageMessage.ReadBlocks;
import weft.wire.storage.StorageMessage.ReadDone;
import weft.wire.storage.StorageMessage.ToStore;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.UnaryOperator;

/// Answers that were changed on their way, or where they were made: nothing of them reaches the
/// caller.
class CorruptAnswersTest {
    private static final int BLOCK = ChunkKey.BLOCK_BYTES;
    private static final int CHUNK = ChunkKey.CHUNK_BYTES;
    private static final VolumeId DISK = new VolumeId(1);

    private final byte[] content = new byte[2 * CHUNK];
    private final Deque<UnaryOperator<ReadDone>> harms = new ArrayDeque<>();
    private final List<ReadBlocks> asked = new ArrayList<>();
    private final Deque<Runnable> later = new ArrayDeque<>();
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final PoolMeters meters = new PoolMeters(registry);
    private final OpenVolumes holds = new OpenVolumes();
    private final ByteBuffer target = ByteBuffer.allocate(content.length);
    private final RemoteVolume volume =
            new RemoteVolume(
                    new OnePrimary(),
                    new Volume(
                            DISK,
                            "disk",
                            content.length,
                            Volume.Access.READ_WRITE,
                            List.of(DISK),
                            DISK),
                    1,
                    7,
                    false,
                    Optional.empty());

    CorruptAnswersTest() {
        new Random(4).nextBytes(content);
    }

    /// Has the content, and does harm to its next answers as the test wants.
    private final class OnePrimary implements PoolAccess {
        private final Member member = new Member(new StoreId(new UUID(3, 3)), 1);

        @Override
        public int pgBits() {
            return 0;
        }

        @Override
        public Optional<Configuration> configurationOf(PlacementGroupId pg) {
            return Optional.of(
                    new Configuration(pg, 1, member, List.of(member), List.of(member.store()), 1));
        }

        @Override
        public boolean learn(Configuration heard) {
            return false;
        }

        @Override
        public CompletableFuture<Void> refresh(PlacementGroupId pg) {
            return CompletableFuture.completedFuture(null);
        }

        @Override
        public Optional<NodeId> nodeOf(Member asked) {
            return Optional.of(new NodeId("node1"));
        }

        @Override
        public CompletableFuture<WireMessage> request(NodeId node, WireMessage message) {
            var read = (ReadBlocks) ((ToStore) message).request();
            asked.add(read);
            int at = (int) read.chunkIndex() * CHUNK + read.offsetInChunk();
            ByteBuffer bytes =
                    ByteBuffer.wrap(Arrays.copyOfRange(content, at, at + read.lengthBytes()));
            var answer = new ReadDone(bytes, BlockChecksums.of(0, bytes));
            UnaryOperator<ReadDone> harm = harms.isEmpty() ? same -> same : harms.remove();
            return CompletableFuture.completedFuture(harm.apply(answer));
        }

        @Override
        public void later(Duration delay, Runnable task) {
            later.add(task);
        }

        @Override
        public long nowNanos() {
            return 0;
        }

        @Override
        public PoolMeters meters() {
            return meters;
        }

        @Override
        public OpenVolumes holds() {
            return holds;
        }

        @Override
        public void fence(RemoteVolume volume) {}

        @Override
        public void forget(RemoteVolume closed) {}
    }

    private static ReadDone flipped(ReadDone answer, int at) {
        answer.data().put(at, (byte) (answer.data().get(at) ^ 0x10));
        return answer;
    }

    private double errors() {
        return registry.counter("weft.volume.checksum.errors").count();
    }

    private byte[] targetBytes() {
        return target.array().clone();
    }

    private void runLater() {
        while (!later.isEmpty()) {
            later.remove().run();
        }
    }

    private void assertReadAgain(UnaryOperator<ReadDone> harm) throws Exception {
        harms.add(harm);
        CompletableFuture<Void> done = volume.read(0, target.clear().limit(3 * BLOCK));
        assertFalse(done.isDone());
        assertArrayEquals(new byte[content.length], targetBytes(), "nothing of it is given");
        assertEquals(1, errors());
        assertEquals(1, asked.size());

        runLater();
        done.get();
        assertArrayEquals(Arrays.copyOf(content, 3 * BLOCK), head(3 * BLOCK));
        assertEquals(2, asked.size());
        assertEquals(asked.getFirst(), asked.getLast());
        assertEquals(1, errors());
    }

    private byte[] head(int lengthBytes) {
        return Arrays.copyOf(target.array(), lengthBytes);
    }

    @Test
    void aFlippedBitOfTheLastBlockIsCountedAndTheReadIsAskedForAgain() throws Exception {
        assertReadAgain(answer -> flipped(answer, 3 * BLOCK - 1));
    }

    @Test
    void aFlippedBitOfAChecksumIsCountedAndTheReadIsAskedForAgain() throws Exception {
        assertReadAgain(answer -> {
            answer.checksums().putInt(4, answer.checksums().getInt(4) ^ 1);
            return answer;
        });
    }

    @Test
    void blocksThatChangedPlacesAreCountedAndTheReadIsAskedForAgain() throws Exception {
        assertReadAgain(answer -> {
            ByteBuffer swapped = ByteBuffer.allocate(3 * BLOCK);
            swapped.put(answer.data().slice(BLOCK, BLOCK)).put(answer.data().slice(0, BLOCK));
            swapped.put(answer.data().slice(2 * BLOCK, BLOCK));
            return new ReadDone(swapped.flip(), answer.checksums());
        });
    }

    @Test
    void aShorterAnswerIsCountedAndTheReadIsAskedForAgain() throws Exception {
        assertReadAgain(answer ->
                new ReadDone(
                        answer.data().slice(0, 2 * BLOCK), answer.checksums().slice(0, 2 * 4)));
    }

    /// Also of a read of less than a block, whose answer has bytes that nobody wants.
    @Test
    void aFlippedBitBesideTheWantedBytesCounts() throws Exception {
        harms.add(answer -> flipped(answer, 0));
        CompletableFuture<Void> done = volume.read(100, target.clear().limit(50));
        assertFalse(done.isDone());
        runLater();
        done.get();
        assertEquals(1, errors());
        assertArrayEquals(Arrays.copyOfRange(content, 100, 150), head(50));
    }

    @Test
    void onlyTheSpanWhoseAnswerWasChangedIsReadAgain() throws Exception {
        harms.add(answer -> answer);
        harms.add(answer -> flipped(answer, 5));
        CompletableFuture<Void> done = volume.read(CHUNK - BLOCK, target.clear().limit(2 * BLOCK));
        assertFalse(done.isDone());
        runLater();
        done.get();
        assertArrayEquals(
                Arrays.copyOfRange(content, CHUNK - BLOCK, CHUNK + BLOCK), head(2 * BLOCK));
        assertEquals(List.of(0L, 1L, 1L), asked.stream().map(ReadBlocks::chunkIndex).toList());
        assertEquals(1, errors());
    }

    @Test
    void whoeverAnswersWrongAgainAndAgainFailsTheRead() {
        for (int i = 0; i < 20; i++) {
            harms.add(answer -> flipped(answer, 7));
        }
        CompletableFuture<Void> done = volume.read(0, target.clear().limit(BLOCK));
        runLater();
        var failure = assertThrows(ExecutionException.class, done::get);
        var why = assertInstanceOf(VolumeException.class, failure.getCause());
        assertEquals(VolumeException.Reason.CORRUPT, why.reason());
        assertTrue(why.toString().contains("does not match its checksums"), why::toString);
        assertEquals(4, errors());
        assertEquals(4, asked.size());
        assertArrayEquals(new byte[content.length], targetBytes(), "nothing of it is given");
    }
}
