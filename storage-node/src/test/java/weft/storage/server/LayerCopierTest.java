package weft.storage.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.fabric.Attachment;
import weft.fabric.LayerChain;
import weft.fabric.Volume;
import weft.volume.BlockVolume;
import weft.volume.LayerCopier;
import weft.volume.PoolClient;
import weft.wire.storage.StorageMessage.WriteBlocks;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/// What is done to layers behind their volumes, over real sockets and disks.
@Timeout(120)
class LayerCopierTest {
    private static final int BLOCK = 4096;
    private static final int SIZE = 9 << 20;
    private static final int END = (8 << 20) - BLOCK;

    @TempDir static Path folder;
    private static LocalCluster cluster;
    private static PoolClient client;
    private static long turns;

    @BeforeAll
    static void start() throws Exception {
        cluster = new LocalCluster(folder, 3, 2);
        for (int i = 1; i <= LocalCluster.REPLICAS; i++) {
            cluster.startNode(i);
        }
        cluster.placeGroups();
        client = cluster.client("client");
    }

    @AfterAll
    static void stop() {
        cluster.close();
    }

    private static BlockVolume openForWriting(Volume volume) throws IOException {
        return client.open(client.claim(volume, "test"));
    }

    private static void write(BlockVolume volume, int offset, int value, int length)
            throws Exception {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, (byte) value);
        volume.write(offset, ByteBuffer.wrap(bytes)).get();
    }

    private static byte[] all(Volume volume) throws Exception {
        try (BlockVolume open = client.openReadOnly(volume)) {
            ByteBuffer bytes = ByteBuffer.allocate(SIZE);
            open.read(0, bytes).get();
            return bytes.array();
        }
    }

    private static Volume with(Volume volume, LayerChain chain) {
        return volume.withAccess(Volume.Access.READ_ONLY).withChain(chain);
    }

    private static void fill(Volume clone) throws Exception {
        LayerChain below = clone.chain().under(clone.chain().top());
        try (LayerCopier copier = client.layerCopier(clone, ++turns)) {
            long at = 0;
            while (at < END) {
                at = copier.fill(clone.chain().top(), below, at, END);
            }
        }
    }

    /// Also a reader with the long chain sees nothing of what comes into the lower layer later.
    @Test
    void aFilledLayerHasWhatIsSeenAndHidesAllThatIsBelow() throws Exception {
        Volume base = cluster.createVolume("base", SIZE);
        Volume top = cluster.createVolume("top", SIZE);
        var chain = LayerChain.of(base.layers()).endingAt(END).below(top.id());
        Volume clone =
                base.derived(top.id(), "clone", Volume.Access.READ_ONLY, chain).withSizeBytes(SIZE);
        byte[] wanted = new byte[SIZE];
        try (BlockVolume below = openForWriting(base)) {
            write(below, 0, 1, 6 << 20);
            Arrays.fill(wanted, 0, 6 << 20, (byte) 1);
            write(below, END, 2, 1 << 20);
            assertArrayEquals(wanted, all(clone), "what is beyond the visible end is not seen");
            fill(clone);
            assertArrayEquals(wanted, all(clone));
            assertArrayEquals(wanted, all(with(clone, LayerChain.of(top.layers()))));
            assertEquals(END, client.mappedUntil(clone, top.id(), 0, END));

            write(below, 0, 3, SIZE);
            assertArrayEquals(wanted, all(clone));
            fill(clone);
            assertArrayEquals(wanted, all(clone), "what it has is not filled again");
        }
    }

    @Test
    void whatComesLateOfAnEarlierTurnIsRefused() throws Exception {
        Volume volume = cluster.createVolume("late", SIZE);
        byte[] wanted = new byte[SIZE];
        Arrays.fill(wanted, 0, 2 * BLOCK, (byte) 1);
        try (BlockVolume open = openForWriting(volume)) {
            write(open, 0, 1, 2 * BLOCK);
        }
        long first = ++turns;
        try (LayerCopier late = client.layerCopier(volume, first);
                LayerCopier now = client.layerCopier(volume, ++turns)) {
            assertThrows(IOException.class, () -> late.trim(volume.id(), 0));
            assertThrows(IOException.class, () -> client.layerCopier(volume, first));
            assertArrayEquals(wanted, all(volume));

            now.trim(volume.id(), BLOCK);
            Arrays.fill(wanted, BLOCK, 2 * BLOCK, (byte) 0);
            assertArrayEquals(wanted, all(volume));
        }
        // A turn raises nothing of the volume's own.
        try (BlockVolume open = openForWriting(volume)) {
            write(open, 0, 2, BLOCK);
        }
    }

    @Test
    void aMergedLayerIsGoneAndItsBlocksAreInTheLowerOne() throws Exception {
        Volume lower = cluster.createVolume("lower", SIZE);
        Volume upper = cluster.createVolume("upper", SIZE);
        var chain = LayerChain.of(lower.layers()).below(upper.id());
        Volume both = lower.derived(upper.id(), "both", Volume.Access.READ_WRITE, chain);
        try (BlockVolume open = openForWriting(lower)) {
            write(open, 0, 1, SIZE);
        }
        PoolClient.Claimed claimed = client.claim(upper, "test");
        try (BlockVolume open = client.open(new PoolClient.Claimed(both, claimed.attachment()))) {
            write(open, 5, 2, 2 * BLOCK);
            open.discard(4 << 20, 1 << 20).get();
        }
        byte[] wanted = all(both);
        try (LayerCopier copier = client.layerCopier(both, ++turns)) {
            copier.mergeDown(upper.id(), lower.id(), LayerChain.NO_END);
        }
        assertArrayEquals(wanted, all(both));
        assertArrayEquals(wanted, all(lower));
        assertArrayEquals(new byte[SIZE], all(upper));
    }

    /// Whoever comes with a token of maintenance as if he held the volume changes nothing, and
    /// fences nobody.
    @Test
    void aTokenOfMaintenanceIsNoHoldersToken() throws Exception {
        Volume volume = cluster.createVolume("guarded", SIZE);
        var token = WriteBlocks.maintenanceToken(1L << 40);
        var forged = new Attachment(volume.id(), "test", token);
        try (BlockVolume holder = openForWriting(volume)) {
            write(holder, 0, 1, BLOCK);
            BlockVolume other = client.open(new PoolClient.Claimed(volume, forged));
            assertThrows(ExecutionException.class, () -> write(other, 0, 2, BLOCK));
            assertThrows(
                    ExecutionException.class,
                    () -> other.read(0, ByteBuffer.allocate(BLOCK)).get(20, TimeUnit.SECONDS));
            other.close();
            write(holder, BLOCK, 1, BLOCK);
        }
        byte[] wanted = new byte[SIZE];
        Arrays.fill(wanted, 0, 2 * BLOCK, (byte) 1);
        assertArrayEquals(wanted, all(volume));
        try (LayerCopier copier = client.layerCopier(volume, ++turns)) {
            copier.trim(volume.id(), 0);
        }
        assertArrayEquals(new byte[SIZE], all(volume));
    }
}
