package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;
import weft.storage.disk.Disk;
import weft.storage.disk.DiskFile;
import weft.storage.disk.FileHeader;
import weft.storage.replica.ReplicaDisk.ReadOutcome;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.DamagedBlock;
import weft.wire.storage.Entry;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32C;

/// A chunk file that is not the one that was left: it is named, nothing of it counts without its
/// checksum, and nothing else of the store suffers.
class ChunkFileHeaderTest {
    private static final int BLOCK = ChunkKey.BLOCK_BYTES;
    private static final String FILE = "chunks/3/1-0.1";

    private final SimStore sim = new SimStore(new Random(1));
    private final GroupModel model = new GroupModel();
    private final Reports reports = new Reports();

    @BeforeEach
    void listen() {
        reports.begin();
    }

    @AfterEach
    void stopListening() {
        reports.close();
    }

    private static Entry write(long sequence, long chunk, int offset, int lengthBytes, long seed) {
        return SimStore.entry(
                sequence,
                SimStore.write(
                        SimStore.BASE_ONLY, chunk, offset, SimStore.bytes(seed, lengthBytes)));
    }

    private void commit(Entry entry) throws IOException {
        sim.commit(entry);
        model.apply(entry);
    }

    /// Two blocks in each of two chunks, saved.
    private void fill() throws IOException {
        Store store = sim.open();
        commit(write(1, 0, 0, 2 * BLOCK, 11));
        commit(write(2, 1, 0, 2 * BLOCK, 12));
        store.checkpoint();
    }

    /// Another store's file of the same name, with other bytes.
    private static byte[] othersFile() throws IOException {
        var other = new SimStore(new Random(2));
        Store store = other.open();
        other.commit(write(1, 0, 0, 2 * BLOCK, 99));
        store.checkpoint();
        return other.disk.contents(FILE);
    }

    private void replace(String name, byte[] contents) throws IOException {
        sim.disk.delete(name);
        try (DiskFile file = sim.disk.open(name, Disk.Use.BUFFERED)) {
            file.write(ByteBuffer.wrap(contents), 0);
            file.force();
        }
        sim.disk.forceFolder("chunks/3");
    }

    private void assertDamaged(int block) {
        var found =
                assertInstanceOf(
                        ReadOutcome.Damaged.class, sim.read(SimStore.BASE_ONLY, 0, block, 1));
        assertEquals(block, found.block().blockIndex());
    }

    private void assertOthersAreWhole() {
        sim.assertReads(model, SimStore.BASE_ONLY, 1, 0, 2);
        assertTrue(sim.store().failure().isEmpty());
    }

    @Test
    void aFileOfAnotherStoreIsNamedAndRepairedBlockByBlock() throws Exception {
        fill();
        sim.group().readChunk(1, new ChunkKey(SimStore.BASE, 0));
        ChunkContent good = sim.lastChunk.orElseThrow();
        replace(FILE, othersFile());
        sim.open();
        assertDamaged(0);
        assertDamaged(1);
        reports.assertOne(Level.ERROR, FILE, "belongs to store");
        assertOthersAreWhole();

        for (int block = 0; block < 2; block++) {
            var damaged = new DamagedBlock(new ChunkKey(SimStore.BASE, 0), block);
            ChunkContent.Run run = good.runs().getFirst();
            var copy =
                    new ChunkContent.Run(
                            block,
                            1,
                            run.payload().slice(block * BLOCK, BLOCK),
                            run.checksums().slice(block * Integer.BYTES, Integer.BYTES));
            sim.group().repairBlock(1, damaged, new ChunkContent(good.stamp(), List.of(copy)));
            assertTrue(sim.lastFits);
        }
        sim.assertReads(model, SimStore.BASE_ONLY, 0, 0, 2);
        sim.store().checkpoint();
        reports.forget();
        sim.open();
        sim.assertReads(model, SimStore.BASE_ONLY, 0, 0, 2);
        reports.assertNone();
    }

    @Test
    void filesThatChangedPlacesAreNamed() throws Exception {
        fill();
        byte[] second = sim.disk.contents("chunks/3/1-1.2");
        replace("chunks/3/1-1.2", sim.disk.contents(FILE));
        replace(FILE, second);
        sim.open();
        assertDamaged(0);
        reports.assertOne(Level.ERROR, FILE, "is chunks/3/1-1.2");
    }

    @Test
    void aFileOfAnotherClusterIsNamed() throws Exception {
        fill();
        byte[] contents = sim.disk.contents(FILE);
        // The cluster's id, and the checksum over it.
        contents[12] ^= 1;
        seal(contents);
        replace(FILE, contents);
        sim.open();
        sim.assertReads(model, SimStore.BASE_ONLY, 0, 0, 2);
        reports.assertOne(Level.ERROR, FILE, "belongs to cluster");
    }

    private static void seal(byte[] contents) {
        int end = 48 + Integer.BYTES + 3 * Long.BYTES;
        var crc = new CRC32C();
        crc.update(contents, 0, end);
        ByteBuffer.wrap(contents).putInt(end, (int) crc.getValue());
    }

    /// A bad sector there costs nothing but the header.
    @Test
    void blocksBehindAHeaderOfZeroesCountByTheirChecksums() throws Exception {
        fill();
        byte[] contents = sim.disk.contents(FILE);
        Arrays.fill(contents, 0, FileHeader.SIZE_BYTES, (byte) 0);
        replace(FILE, contents);
        sim.open();
        sim.assertReads(model, SimStore.BASE_ONLY, 0, 0, 2);
        reports.assertOne(Level.ERROR, FILE, "damaged header: no Weft file");
        assertOthersAreWhole();
        reports.forget();
        sim.open();
        sim.assertReads(model, SimStore.BASE_ONLY, 0, 0, 2);
        reports.assertNone();
    }

    @Test
    void aHeaderThatCannotBeReadIsWrittenAnew() throws Exception {
        fill();
        sim.disk.makeUnreadable(FILE, 100);
        sim.open();
        sim.assertReads(model, SimStore.BASE_ONLY, 0, 0, 2);
        reports.assertOne(Level.ERROR, FILE, "cannot be read");
        assertOthersAreWhole();
    }

    @Test
    void aFileThatWasCutShortIsNamedAndKeepsWhatItHas() throws Exception {
        fill();
        byte[] contents = sim.disk.contents(FILE);
        replace(FILE, Arrays.copyOf(contents, FileHeader.SIZE_BYTES + BLOCK));
        sim.open();
        sim.assertReads(model, SimStore.BASE_ONLY, 0, 0, 1);
        assertDamaged(1);
        reports.assertOne(Level.ERROR, FILE, "has 1 of 2 blocks");
        assertOthersAreWhole();
    }

    @Test
    void aFileThatIsGoneIsNamedAndMadeDurableAnew() throws Exception {
        fill();
        sim.disk.delete(FILE);
        sim.disk.forceFolder("chunks/3");
        Store store = sim.open();
        assertDamaged(1);
        reports.assertOne(Level.ERROR, FILE, "was missing");
        assertOthersAreWhole();
        commit(write(3, 0, 0, 2 * BLOCK, 13));
        store.checkpoint();
        sim.crash();
        sim.open();
        sim.assertReads(model, SimStore.BASE_ONLY, 0, 0, 2);
    }

    /// While the journal is replayed a block may differ from its checksum: the crash explains that,
    /// but not in a file that is not ours.
    @Test
    void aReplayTakesNothingFromAForeignFile() throws Exception {
        for (boolean isForeign : List.of(false, true)) {
            var store = new SimStore(new Random(3));
            Store first = store.open();
            store.commit(write(1, 0, 0, 2 * BLOCK, 11));
            first.checkpoint();
            Entry part = write(2, 0, 100, 512, 12);
            store.commit(part);
            if (isForeign) {
                byte[] others = othersFile();
                try (DiskFile file = store.disk.open(FILE, Disk.Use.BUFFERED)) {
                    file.write(ByteBuffer.wrap(others), 0);
                    file.force();
                }
            }
            store.open();
            store.group().apply(part);
            ReadOutcome read = store.read(SimStore.BASE_ONLY, 0, 0, 1);
            assertEquals(isForeign, read instanceof ReadOutcome.Damaged, () -> "read " + read);
        }
    }

    /// It may be all right: this node does not understand it, and does not touch it.
    @Test
    void aFileOfALaterFormatIsRefusedByNameAndLeftAlone() throws Exception {
        fill();
        byte[] contents = sim.disk.contents(FILE);
        contents[9] = 2;
        seal(contents);
        replace(FILE, contents);
        sim.open();
        var failed =
                assertInstanceOf(ReadOutcome.Failed.class, sim.read(SimStore.BASE_ONLY, 0, 0, 1));
        assertTrue(
                failed.detail().contains("refused: chunk file " + FILE + " has format version 2"),
                failed::detail);
        sim.assertReads(model, SimStore.BASE_ONLY, 1, 0, 2);
        assertArrayEquals(contents, sim.disk.contents(FILE));
    }
}
