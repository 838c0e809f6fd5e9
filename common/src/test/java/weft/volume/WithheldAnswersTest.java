package weft.volume;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.zookeeper.EmbeddedZooKeeper;
import weft.coordination.zookeeper.ZooKeeperFabricStore;
import weft.fabric.Attachment;
import weft.fabric.ChunkKey;
import weft.fabric.Cluster;
import weft.fabric.Configuration;
import weft.fabric.FabricImage;
import weft.fabric.LayerChain;
import weft.fabric.Member;
import weft.fabric.NodeDisk;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.PlacementGroupId;
import weft.fabric.PoolSettings;
import weft.fabric.StoreId;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.fixtures.Await;
import weft.runtime.BootClock;
import weft.transport.Caller;
import weft.transport.Handshake;
import weft.transport.MessageServer;
import weft.transport.NodeAddress;
import weft.transport.Role;
import weft.transport.Service;
import weft.transport.Transport;
import weft.wire.WireMessage;
import weft.wire.holder.HolderMessage;
import weft.wire.storage.Mutation;
import weft.wire.storage.StorageCodec;
import weft.wire.storage.StorageMessage.Refused;
import weft.wire.storage.StorageMessage.ToStore;
import weft.wire.storage.StorageMessage.WriteBlocks;
import weft.wire.storage.StorageMessage.WriteDone;

import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/// What a client sends and answers around a cut, seen by a storage node that answers when the test
/// says so.
@Timeout(60)
class WithheldAnswersTest {
    private static final int BLOCK = 4096;
    private static final long SIZE = 1 << 20;
    private static final UUID CLUSTER = new UUID(1, 2);
    private static final VolumeId FIRST = new VolumeId(1);
    private static final VolumeId SECOND = FIRST.nextGeneration();

    private static final List<HolderMessage.Holding> HELD =
            List.of(new HolderMessage.Holding(FIRST, 5));

    private record Asked(WriteBlocks write, Caller caller) {
        List<VolumeId> layers() {
            return ((Mutation.OfChunk) write.mutation()).layers();
        }
    }

    private final BlockingQueue<Asked> asked = new LinkedBlockingQueue<>();
    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
    private final Deque<AutoCloseable> parts = new ArrayDeque<>();
    private final OpenVolumes holds = new OpenVolumes();
    private PoolClient client;
    private RemoteVolume volume;

    @BeforeEach
    void start(@TempDir Path folder) throws Exception {
        EmbeddedZooKeeper zookeeper = own(EmbeddedZooKeeper.start(folder, "127.0.0.1", 0));
        ZooKeeperFabricStore store =
                own(
                        ZooKeeperFabricStore.connect(
                                zookeeper.connectString(), Duration.ofSeconds(10)));
        var member = new Member(new StoreId(new UUID(3, 3)), 1);
        var group = new PlacementGroupId(0);
        var configuration =
                new Configuration(group, 1, member, List.of(member), List.of(member.store()), 1);
        var records = new FabricRecords(store);
        assertTrue(records.create(FabricPaths.PLACEMENT_GROUPS + "/0", configuration));
        MessageServer server = node();
        var presence =
                new NodePresence(
                        new NodeId("node1"),
                        NodePresence.Role.STORAGE,
                        1,
                        NodeAddress.format(server.address()),
                        "",
                        "",
                        "",
                        List.of(NodeDisk.serving("/srv", member)),
                        0,
                        1);
        var empty = FabricImage.EMPTY;
        var image =
                new FabricImage(
                        Optional.of(new Cluster(CLUSTER, 1, 0, 1, 1)),
                        PoolSettings.NONE,
                        Map.of("storage/node1", presence),
                        empty.volumes(),
                        empty.attachments(),
                        empty.exports(),
                        empty.images(),
                        empty.networks(),
                        empty.ports(),
                        empty.vms(),
                        empty.placements(),
                        empty.migrations());
        Transport transport =
                own(
                        new Transport(
                                Handshake.of(CLUSTER, Role.HOST, new NodeId("host1"), 1),
                                List.of(new StorageCodec()),
                                1,
                                new SimpleMeterRegistry()));
        client =
                own(new PoolClient(store, () -> image, transport, BootClock.SYSTEM, meters, holds));
        var record =
                new Volume(FIRST, "disk", SIZE, Volume.Access.READ_WRITE, List.of(FIRST), FIRST);
        volume = client.open(new PoolClient.Claimed(record, new Attachment(FIRST, "test", 5)));
        holds.fenced(FIRST, 5, SIZE);
    }

    private MessageServer node() throws Exception {
        Transport transport =
                own(
                        new Transport(
                                Handshake.of(CLUSTER, Role.STORAGE, new NodeId("node1"), 1),
                                List.of(new StorageCodec()),
                                1,
                                new SimpleMeterRegistry()));
        return own(
                transport.listen(
                        new InetSocketAddress("127.0.0.1", 0),
                        List.of(
                                new Service(
                                        new StorageCodec(),
                                        (message, caller) -> {
                                            if (message instanceof ToStore(_, WriteBlocks write)) {
                                                asked.add(new Asked(write, caller));
                                            }
                                        }))));
    }

    private <T extends AutoCloseable> T own(T part) {
        parts.push(part);
        return part;
    }

    @AfterEach
    void stop() throws Exception {
        // Nobody answers any more.
        volume.onFenced();
        while (!parts.isEmpty()) {
            parts.pop().close();
        }
    }

    private Asked next() throws InterruptedException {
        return Objects.requireNonNull(asked.poll(20, TimeUnit.SECONDS), "a write");
    }

    private CompletableFuture<Void> write(long offset, int length) {
        return volume.write(offset, ByteBuffer.allocate(length));
    }

    /// What the process answers to a question about its volumes.
    private CompletableFuture<WireMessage> ask(HolderMessage question) {
        var answer = new CompletableFuture<WireMessage>();
        holds.onMessage(
                question,
                new Caller() {
                    @Override
                    public Handshake peer() {
                        return Handshake.of(CLUSTER, Role.CLIENT, new NodeId("cut"), 1);
                    }

                    @Override
                    public boolean expectsReply() {
                        return true;
                    }

                    @Override
                    public void charge(int bytes) {}

                    @Override
                    public void send(WireMessage message) {
                        throw new AssertionError("nobody asked for " + message);
                    }

                    @Override
                    public void reply(WireMessage message) {
                        answer.complete(message);
                    }

                    @Override
                    public void fail(String reason) {
                        answer.completeExceptionally(new IllegalStateException(reason));
                    }
                });
        return answer;
    }

    private static HolderMessage.NewLayers newLayers(long token, long sizeBytes, LayerChain chain) {
        return new HolderMessage.NewLayers(FIRST, token, sizeBytes, chain);
    }

    private static HolderMessage.Switch cut(int holdMillis) {
        return new HolderMessage.Switch(
                9, holdMillis, List.of(newLayers(5, SIZE, LayerChain.of(List.of(SECOND, FIRST)))));
    }

    private static HolderMessage.Switched alone(HolderMessage.Standing standing) {
        return new HolderMessage.Switched(List.of(standing), true);
    }

    private static HolderMessage.Switched resized(HolderMessage.Standing standing) {
        return new HolderMessage.Switched(List.of(standing), false);
    }

    private static void answer(Asked one) {
        one.caller().reply(new WriteDone());
    }

    @Test
    void aPartOfABlockWaitsUntilTheOldLayerIsComplete() throws Exception {
        var before = write(0, BLOCK);
        Asked old = next();
        assertEquals(List.of(FIRST), old.layers());
        assertEquals(alone(HolderMessage.Standing.SWITCHED), ask(cut(0)).join());
        var settled = ask(new HolderMessage.Settle(9, HELD));

        var partial = write(100, 512);
        var whole = write(BLOCK, BLOCK);
        Asked overtaking = next();
        assertEquals(BLOCK, ((Mutation.OfChunk) overtaking.write().mutation()).offsetInChunk());
        assertEquals(List.of(SECOND, FIRST), overtaking.layers());
        answer(overtaking);
        whole.get(20, TimeUnit.SECONDS);
        assertFalse(settled.isDone(), "a write of before the cut is under way");
        assertTrue(asked.isEmpty());

        answer(old);
        before.get(20, TimeUnit.SECONDS);
        Asked last = next();
        assertEquals(512, ((Mutation.OfChunk) last.write().mutation()).lengthBytes());
        assertEquals(List.of(SECOND, FIRST), last.layers());
        answer(last);
        partial.get(20, TimeUnit.SECONDS);
        assertEquals(new HolderMessage.Settled(false, true), settled.get(20, TimeUnit.SECONDS));
    }

    /// The old primary stands still; another write hears of the new one.
    @Test
    void aSilentWriteGoesToTheNewPrimaryAsSoonAsAnyOtherHasHeardOfIt() throws Exception {
        var silent = write(0, BLOCK);
        Asked first = next();
        var other = write(BLOCK, BLOCK);
        Asked refused = next();
        StoreId store = new StoreId(new UUID(3, 3));
        var newer = new Member(store, 2);
        var configuration =
                new Configuration(
                        new PlacementGroupId(0), 2, newer, List.of(newer), List.of(store), 1);
        refused.caller()
                .reply(
                        new Refused(
                                Refused.Reason.NOT_PRIMARY, Optional.of(configuration), "moved"));
        Asked again = next();
        Asked more = next();
        assertEquals(
                Set.of(first.write().requestSequence(), refused.write().requestSequence()),
                Set.of(again.write().requestSequence(), more.write().requestSequence()));
        assertEquals(2, again.write().knownVersion());
        assertEquals(2, more.write().knownVersion());
        double silences = meters.get("weft.volume.silences").counter().count();
        assertEquals(0, silences, "nothing has waited until its patience was over");
        answer(again);
        answer(more);
        silent.get(20, TimeUnit.SECONDS);
        other.get(20, TimeUnit.SECONDS);
    }

    @Test
    void whatIsOutsideTheCutIsAnsweredWhenAllHaveSwitched() throws Exception {
        assertEquals(alone(HolderMessage.Standing.SWITCHED), ask(cut(20)).join());
        var outside = write(0, BLOCK);
        var released = new CompletableFuture<Boolean>();
        outside.thenRun(() -> released.complete(false));
        answer(next());
        // By itself it is answered only when it was held too long, and that is told.
        HolderMessage.Settled settled =
                (HolderMessage.Settled)
                        ask(new HolderMessage.Settle(9, HELD)).get(20, TimeUnit.SECONDS);
        outside.get(20, TimeUnit.SECONDS);
        assertTrue(settled.clean());

        var hold = new CompletableFuture<Void>();
        var third = LayerChain.of(List.of(SECOND.nextGeneration(), SECOND, FIRST));
        assertTrue(volume.switchTo(newLayers(5, SIZE, third), hold));
        var withheld = write(0, BLOCK);
        answer(next());
        var later = write(BLOCK, BLOCK);
        answer(next());
        Await.until(
                "the client has heard of all three writes",
                () -> volume.writes().lowestUnfinished() == 4);
        assertFalse(withheld.isDone() || later.isDone(), "withheld");
        hold.complete(null);
        withheld.get(20, TimeUnit.SECONDS);
        later.get(20, TimeUnit.SECONDS);
    }

    /// The volume was opened anew by a later claim: what became of the changes of the earlier one
    /// is not known here.
    @Test
    void changesOfAnotherTokenAreNotTakenForSettled() throws Exception {
        var other = List.of(new HolderMessage.Holding(FIRST, 4));
        assertEquals(
                new HolderMessage.Settled(false, false),
                ask(new HolderMessage.Settle(9, other)).get(20, TimeUnit.SECONDS));
    }

    @Test
    void aShrunkenVolumeStampsNothingBeyondItsEndAndReadsOldLayersOnlyBeforeIt() throws Exception {
        long end = 4 * BLOCK;
        VolumeId third = SECOND.nextGeneration();
        var shrunk = LayerChain.of(List.of(SECOND, FIRST)).endingAt(end).below(third);
        var cut = new HolderMessage.Switch(9, 0, List.of(newLayers(5, end, shrunk)));
        assertEquals(alone(HolderMessage.Standing.SWITCHED), ask(cut).join());

        assertEquals(end, volume.sizeBytes());
        var refused = assertThrows(ExecutionException.class, () -> write(end, BLOCK).get());
        assertTrue(
                refused.getCause() instanceof VolumeException e
                        && e.reason() == VolumeException.Reason.OUT_OF_RANGE);
        var _ = write(end - BLOCK, BLOCK);
        assertEquals(List.of(third, SECOND, FIRST), next().layers());

        // A question from before the shrink is refused, and one from after it is not.
        var late = new HolderMessage.Resize(FIRST, 5, SIZE, SECOND);
        assertEquals(resized(HolderMessage.Standing.UNKNOWN), ask(late).join());
        assertEquals(end, volume.sizeBytes());
        var told = resized(HolderMessage.Standing.SWITCHED);
        assertEquals(told, ask(new HolderMessage.Resize(FIRST, 5, SIZE, third)).join());

        // What has grown again has nothing of the old layers.
        var _ = write(end - BLOCK, 2 * BLOCK);
        assertEquals(List.of(third, SECOND, FIRST), next().layers());
        assertEquals(List.of(third), next().layers());
    }

    /// Nobody is to write beyond an end with layers that are not seen there.
    @Test
    void aSwitchDrawsAnEndInBeforeItAndMovesItOutAfterIt() {
        List<VolumeId> tops = new ArrayList<>();
        volume.onResize(() -> tops.add(volume.layers().chain().top()));
        var done = CompletableFuture.<Void>completedFuture(null);
        var shrunk = LayerChain.of(List.of(FIRST)).endingAt(BLOCK).below(SECOND);
        assertTrue(volume.switchTo(newLayers(5, BLOCK, shrunk), done));
        VolumeId third = SECOND.nextGeneration();
        assertTrue(volume.switchTo(newLayers(5, SIZE, shrunk.below(third)), done));
        assertEquals(List.of(FIRST, third), tops);
        assertEquals(SIZE, volume.sizeBytes());
    }

    /// A long operation's spans are made as earlier ones end.
    @Test
    void anOperationThatAShrinkCutsOffFailsWithoutTouchingWhatIsBeyond() throws Exception {
        var record =
                new Volume(
                        FIRST,
                        "disk",
                        40L * ChunkKey.CHUNK_BYTES,
                        Volume.Access.READ_WRITE,
                        List.of(FIRST),
                        FIRST);
        volume = client.open(new PoolClient.Claimed(record, new Attachment(FIRST, "test", 6)));
        holds.fenced(FIRST, 6, record.sizeBytes());
        CompletableFuture<Void> zeroes = volume.writeZeroes(0, record.sizeBytes());
        long end = 33L * ChunkKey.CHUNK_BYTES;
        var shrunk = LayerChain.of(List.of(FIRST)).endingAt(end).below(SECOND);
        assertTrue(
                volume.switchTo(
                        newLayers(6, end, shrunk), CompletableFuture.completedFuture(null)));
        for (int i = 0; i < 33; i++) {
            Asked one = next();
            assertTrue(((Mutation.OfChunk) one.write().mutation()).chunkIndex() < 33);
            answer(one);
        }
        assertThrows(ExecutionException.class, () -> zeroes.get(20, TimeUnit.SECONDS));
        assertTrue(asked.isEmpty());
    }

    /// Who cuts need not tell them, then.
    @Test
    void aHolderKnowsWhetherAllGroupsKnowItsToken() throws Exception {
        assertTrue(volume.grown(2 * SIZE, FIRST));
        var longer = List.of(newLayers(5, 2 * SIZE, LayerChain.of(List.of(SECOND, FIRST))));
        var cut = new HolderMessage.Switch(9, 0, longer);
        var unsure = new HolderMessage.Switched(List.of(HolderMessage.Standing.SWITCHED), false);
        assertEquals(unsure, ask(cut).join());

        // It looks after that by itself.
        Asked raise = next();
        assertEquals(5, ((Mutation.RaiseToken) raise.write().mutation()).token());
        assertEquals(unsure, ask(cut).join());
        answer(raise);
        for (int left = 100; left > 0 && ask(cut).join().equals(unsure); left--) {
            answer(next());
        }
        assertEquals(alone(HolderMessage.Standing.SWITCHED), ask(cut).join());

        // A holder that comes knows nothing of the earlier one's.
        var record =
                new Volume(FIRST, "disk", SIZE, Volume.Access.READ_WRITE, List.of(FIRST), FIRST);
        volume = client.open(new PoolClient.Claimed(record, new Attachment(FIRST, "test", 6)));
        var newer = List.of(newLayers(6, SIZE, LayerChain.of(List.of(SECOND, FIRST))));
        assertEquals(unsure, ask(new HolderMessage.Switch(10, 0, newer)).join());
    }

    @Test
    void whoDoesNotHoldTheVolumeSaysSo() throws Exception {
        var stranger =
                new HolderMessage.Switch(
                        9, 0, List.of(newLayers(4, SIZE, LayerChain.of(List.of(SECOND, FIRST)))));
        assertEquals(alone(HolderMessage.Standing.UNKNOWN), ask(stranger).join());
        volume.close();
        assertEquals(alone(HolderMessage.Standing.CLOSED), ask(cut(0)).join());
    }

    @Test
    void aVolumeThatWasClosedWithAWriteUnderWayIsNotClean() throws Exception {
        var lost = write(0, BLOCK);
        var _ = next();
        volume.close();
        assertTrue(lost.isCompletedExceptionally());
        assertEquals(alone(HolderMessage.Standing.UNKNOWN), ask(cut(0)).join());
    }
}
