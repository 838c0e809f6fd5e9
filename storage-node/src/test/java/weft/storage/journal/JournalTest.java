package weft.storage.journal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.storage.disk.Disk;
import weft.storage.disk.Seeds;
import weft.storage.disk.StoreIdentity;
import weft.storage.simulation.FaultyDisk;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.UUID;

class JournalTest {
    private static final StoreIdentity IDENTITY = new StoreIdentity(new UUID(1, 2), new UUID(3, 4));
    private static final JournalSettings TINY =
            new JournalSettings(32 << 10, 12 << 10, 12 << 10, 1 << 20, 1 << 20);

    private final List<byte[]> recovered = new ArrayList<>();

    private GroupCommit open(FaultyDisk disk, long startEpoch) throws IOException {
        recovered.clear();
        return GroupCommit.open(
                disk,
                IDENTITY,
                TINY,
                startEpoch,
                (record, epoch) -> recovered.add(record),
                e -> {});
    }

    private static void append(GroupCommit journal, byte[] record, Runnable durable) {
        journal.append(List.of(ByteBuffer.wrap(record)), durable);
    }

    private static byte[] record(int number, int lengthBytes) {
        byte[] bytes = new byte[lengthBytes];
        new Random(number).nextBytes(bytes);
        return bytes;
    }

    /// Everything durable comes back, in order; what was not may come back too, but only as a whole
    /// and in order. Several lives in a row, each crashing in the middle of some device operation.
    @Test
    void everyAcknowledgedRecordSurvivesACrashAtAnyDeviceOperation() throws Exception {
        Seeds.forEach(
                200,
                random -> {
                    var disk = new FaultyDisk(random);
                    List<byte[]> appended = new ArrayList<>();
                    int[] durable = {0};
                    int checkpointed = 0;
                    long startEpoch = 1;
                    for (int life = 0; life < 5; life++) {
                        if (life < 4) {
                            disk.crashAt(disk.operations() + random.nextInt(120));
                        }
                        try {
                            var journal = open(disk, startEpoch);
                            checkRecovered(appended, checkpointed, durable[0]);
                            durable[0] = appended.size();
                            while (life < 4) {
                                int together = 1 + random.nextInt(4);
                                for (int i = 0; i < together; i++) {
                                    byte[] record =
                                            record(appended.size(), 16 + random.nextInt(9000));
                                    appended.add(record);
                                    append(journal, record, () -> durable[0]++);
                                }
                                journal.flush();
                                if (random.nextInt(6) == 0) {
                                    // A checkpoint: everything so far is in the maps.
                                    checkpointed = appended.size();
                                    startEpoch = journal.currentEpoch();
                                    journal.recycleBefore(startEpoch, 0);
                                    journal.prepareSpare();
                                }
                            }
                        } catch (IOException e) {
                            assertTrue(disk.isCrashed(), () -> "failed without a crash: " + e);
                            disk = disk.afterCrash();
                        }
                    }
                });
    }

    /// Two segments are gone and what is left of the second says so: the records that both held
    /// must not be missing without a word.
    @Test
    void groupsOfALaterSegmentThatLostItsHeaderAreNotTakenForOldOnes() throws Exception {
        var disk = new FaultyDisk(new Random(1));
        var journal = open(disk, 1);
        int count = 0;
        while (journal.currentEpoch() < 3) {
            append(journal, record(count++, 9000), () -> {});
            journal.flush();
        }
        append(journal, record(count, 9000), () -> {});
        journal.flush();
        List<String> names = disk.list(JournalSegment.FOLDER);
        assertEquals(3, names.size());
        disk.delete(JournalSegment.FOLDER + "/" + names.get(1));
        try (var file = disk.open(JournalSegment.FOLDER + "/" + names.get(2), Disk.Use.BUFFERED)) {
            file.write(ByteBuffer.allocate(RecordGroup.ALIGNMENT_BYTES), 0);
        }
        var refused = assertThrows(JournalCorruptException.class, () -> open(disk, 1));
        assertTrue(refused.toString().contains("holds groups of epoch 3"), refused::toString);
    }

    /// The write of its header was lost: the segment looks like a file that was never used.
    @Test
    void aSegmentUnderTheHeaderOfASpareIsNotTakenForOne() throws Exception {
        var disk = new FaultyDisk(new Random(1));
        var journal = open(disk, 1);
        append(journal, record(1, 9000), () -> {});
        journal.flush();
        JournalSegment spare = JournalSegment.spare(0);
        try (var file = disk.open(spare.fileName(), Disk.Use.BUFFERED)) {
            file.write(spare.header(IDENTITY), 0);
        }
        var refused = assertThrows(JournalCorruptException.class, () -> open(disk, 1));
        assertTrue(refused.toString().contains("holds groups of epoch 1"), refused::toString);
    }

    /// What a file lost at its end must not come back as zeroes that fit.
    @Test
    void aShortFileIsEmptiedBeforeItIsUsedAgain() throws Exception {
        var disk = new FaultyDisk(new Random(1));
        var journal = open(disk, 1);
        append(journal, new byte[9000], () -> {});
        journal.flush();
        String name = JournalSegment.spare(0).fileName();
        byte[] bytes = Arrays.copyOf(disk.contents(name), 9000);
        Arrays.fill(bytes, 0, RecordGroup.ALIGNMENT_BYTES, (byte) 0);
        disk.delete(name);
        try (var file = disk.open(name, Disk.Use.BUFFERED)) {
            file.write(ByteBuffer.wrap(bytes), 0);
        }
        open(disk, 1);
        assertEquals(0, recovered.size());
        open(disk, 1);
        assertEquals(0, recovered.size(), "what was gone is back");
    }

    /// What came back is a run of what was appended: it begins at or before the first record that
    /// no checkpoint holds and ends at or behind the last durable one. Appended records that did
    /// not come back are forgotten.
    private void checkRecovered(List<byte[]> appended, int checkpointed, int durable) {
        int end = checkpointed;
        if (!recovered.isEmpty()) {
            int start = indexOf(appended, recovered.getFirst());
            assertTrue(start >= 0, "a record came back that was never appended");
            assertTrue(start <= checkpointed, "the first needed records are missing");
            for (int i = 0; i < recovered.size(); i++) {
                assertArrayEquals(appended.get(start + i), recovered.get(i));
            }
            end = start + recovered.size();
        }
        int found = end;
        assertTrue(end >= durable, () -> "durable up to " + durable + ", recovered to " + found);
        while (appended.size() > end) {
            appended.removeLast();
        }
    }

    private static int indexOf(List<byte[]> records, byte[] wanted) {
        for (int i = 0; i < records.size(); i++) {
            if (Arrays.equals(records.get(i), wanted)) {
                return i;
            }
        }
        return -1;
    }

    private static FaultyDisk newDisk() {
        return new FaultyDisk(new Random(1));
    }

    @Test
    void recordsThatWaitTogetherShareOneDeviceWrite() throws Exception {
        var disk = newDisk();
        var journal = open(disk, 1);
        long before = disk.operations();
        int[] durable = {0};
        for (int i = 0; i < 10; i++) {
            append(journal, record(i, 100), () -> durable[0]++);
        }
        journal.flush();
        assertEquals(10, durable[0]);
        assertEquals(1, disk.operations() - before);
        assertEquals(1, journal.groupsWritten());
    }

    /// A group that begins a segment waits for the header's write, and not for a file to be filled.
    @Test
    void segmentsAreMadeAheadAndKept() throws Exception {
        var disk = newDisk();
        var journal = open(disk, 1);
        journal.prepareSpare();
        assertEquals(2, files(disk), "one in use, one ahead");
        rollTo(journal, 2);
        journal.prepareSpare();
        journal.prepareSpare();
        journal.prepareSpare();
        assertEquals(4, files(disk), "two in use, two ahead");
        rollTo(journal, 4);
        assertEquals(4, files(disk));
        journal.recycleBefore(4, 0);
        rollTo(journal, 7);
        assertEquals(4, files(disk), "those that were freed are used again");
        assertEquals(4L * TINY.segmentBytes(), journal.allBytes());
    }

    private static int files(FaultyDisk disk) throws IOException {
        return disk.list(JournalSegment.FOLDER).size();
    }

    private static void rollTo(GroupCommit journal, long epoch) throws IOException {
        while (journal.currentEpoch() < epoch) {
            append(journal, record(0, 3000), () -> {});
            journal.flush();
        }
    }

    /// Also what appends that could not wait have taken beyond it.
    @Test
    void noMoreFilesAreKeptThanMayBeLive() throws Exception {
        var disk = newDisk();
        var journal = open(disk, 1);
        int most = (int) (TINY.liveBytesMax() / TINY.segmentBytes());
        rollTo(journal, most + 5);
        assertEquals(most + 5, files(disk));
        journal.prepareSpare();
        assertEquals(most + 5, files(disk));
        journal.recycleBefore(most + 5, 0);
        assertEquals(most, files(disk));
    }

    @Test
    void bytesOfAnEarlierUseOfASegmentAreNeverTakenForRecords() throws Exception {
        var disk = newDisk();
        var journal = open(disk, 1);
        for (int i = 0; i < 40; i++) {
            append(journal, record(i, 3000), () -> {});
            journal.flush();
        }
        long start = journal.currentEpoch();
        journal.recycleBefore(start, 0);
        // Go on until a recycled file is in use, with fewer groups in it than it had before.
        int number = 40;
        while (journal.currentEpoch() < start + 2) {
            append(journal, record(number++, 3000), () -> {});
            journal.flush();
        }
        open(disk, start + 2);
        assertEquals(1, recovered.size());
        assertArrayEquals(record(number - 1, 3000), recovered.getFirst());
    }

    @Test
    void aDamagedGroupWithAnIntactOneBehindItIsRefusedAsCorruption() throws Exception {
        var disk = newDisk();
        var journal = open(disk, 1);
        for (int i = 0; i < 5; i++) {
            append(journal, record(i, 1000), () -> {});
            journal.flush();
        }
        // Header block, then a block per group: the third group.
        disk.damage("journal/00000000.seg", 3 * 4096 + 500);
        var refusal = assertThrows(JournalCorruptException.class, () -> open(disk, 1));
        assertTrue(refusal.toString().contains("group 3"), refusal::toString);
    }

    @Test
    void aDamagedLastGroupOfASegmentWithASegmentBehindItIsCorruption() throws Exception {
        var disk = newDisk();
        var journal = open(disk, 1);
        while (journal.currentEpoch() < 3) {
            append(journal, record(7, 3000), () -> {});
            journal.flush();
        }
        disk.damage("journal/00000000.seg", 7 * 4096 + 500);
        assertThrows(JournalCorruptException.class, () -> open(disk, 1));
    }

    @Test
    void aDamagedHeaderOfALiveSegmentIsCorruption() throws Exception {
        for (int file = 0; file < 3; file++) {
            var disk = newDisk();
            var journal = open(disk, 1);
            while (journal.currentEpoch() < 3) {
                append(journal, record(7, 3000), () -> {});
                journal.flush();
            }
            disk.damage("journal/0000000%d.seg".formatted(file), 20);
            assertThrows(JournalCorruptException.class, () -> open(disk, 1));
        }
    }

    @Test
    void aTornTailEndsTheJournalAndTheNextLifeGoesOnBehindIt() throws Exception {
        var disk = newDisk();
        var journal = open(disk, 1);
        append(journal, record(1, 1000), () -> {});
        journal.flush();
        append(journal, record(2, 1000), () -> {});
        journal.flush();
        disk.damage("journal/00000000.seg", 2 * 4096 + 500);
        journal = open(disk, 1);
        assertEquals(1, recovered.size());
        append(journal, record(3, 1000), () -> {});
        journal.flush();
        open(disk, 1);
        assertEquals(2, recovered.size());
        assertArrayEquals(record(3, 1000), recovered.getLast());
    }

    @Test
    void theHexExampleOfTheFormatIsWhatIsWritten() throws Exception {
        var disk = newDisk();
        var journal = open(disk, 1);
        append(journal, "hello".getBytes(StandardCharsets.US_ASCII), () -> {});
        journal.flush();
        Path page = Path.of("..", "docs", "protocols", "journal-format.md");
        String text = Files.readString(page);
        String hex = text.substring(text.indexOf("```hex") + 6);
        hex = hex.substring(0, hex.indexOf("```")).replaceAll("\\s", "");
        byte[] segment = disk.contents("journal/00000000.seg");
        byte[] written = Arrays.copyOfRange(segment, 4096, 4096 + hex.length() / 2);
        assertEquals(hex, HexFormat.of().formatHex(written));
    }

    @Test
    void aRecordLargerThanAnyMayBeIsRefused() throws Exception {
        var journal = open(newDisk(), 1);
        assertThrows(
                IllegalArgumentException.class,
                () -> append(journal, record(1, (12 << 10) + 1), () -> {}));
    }

    @Test
    void afterAFailedWriteNothingIsAcknowledged() throws Exception {
        var disk = newDisk();
        List<IOException> failures = new ArrayList<>();
        var journal =
                GroupCommit.open(disk, IDENTITY, TINY, 1, (record, epoch) -> {}, failures::add);
        disk.crashAt(disk.operations());
        append(journal, record(1, 100), () -> failures.add(new IOException("acknowledged")));
        assertThrows(IOException.class, journal::flush);
        append(journal, record(2, 100), () -> failures.add(new IOException("acknowledged")));
        assertEquals(1, failures.size());
        assertTrue(failures.getFirst() instanceof FaultyDisk.Crashed);
    }

    @Test
    void aJournalOfAnotherStoreIsRefused() throws Exception {
        var disk = newDisk();
        open(disk, 1);
        var other = new StoreIdentity(IDENTITY.cluster(), new UUID(9, 9));
        var refusal =
                assertThrows(
                        IOException.class,
                        () ->
                                GroupCommit.open(
                                        disk, other, TINY, 1, (record, epoch) -> {}, e -> {}));
        assertTrue(refusal.toString().contains("belongs to store"), refusal::toString);
    }
}
