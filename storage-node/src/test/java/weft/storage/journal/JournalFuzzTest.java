package weft.storage.journal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;

import org.junit.jupiter.api.Tag;

import weft.fabric.PlacementGroupId;
import weft.storage.disk.Disk;
import weft.storage.disk.DiskFile;
import weft.storage.disk.StoreIdentity;
import weft.storage.simulation.FaultyDisk;
import weft.wire.MalformedMessage;
import weft.wire.WireReader;
import weft.wire.WireWriter;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.zip.CRC32C;

/// A journal whose files are damaged in any way: it is read up to where it is whole, or refused.
@Tag("fuzz")
class JournalFuzzTest {
    private static final StoreIdentity IDENTITY = new StoreIdentity(new UUID(1, 2), new UUID(3, 4));
    private static final int SEGMENT_BYTES = 32 << 10;
    private static final JournalSettings TINY =
            new JournalSettings(SEGMENT_BYTES, 12 << 10, 12 << 10, 1 << 20, 1 << 20);
    private static final int BLOCK = Disk.ALIGNMENT_BYTES;

    /// Any bytes are a record, which has no other form in bytes, or none.
    @FuzzTest(maxDuration = "10m")
    void record(byte[] input) {
        decodeAndEncode(input);
    }

    private static void decodeAndEncode(byte[] bytes) {
        JournalRecord record;
        try {
            record = JournalRecordCodec.get(new WireReader(bytes));
        } catch (MalformedMessage _) {
            return;
        }
        assertArrayEquals(bytes, bytesOf(record), () -> "another form of " + record);
    }

    private static byte[] bytesOf(JournalRecord record) {
        var out = new WireWriter();
        JournalRecordCodec.put(record, out);
        return out.toBytes();
    }

    @FuzzTest(maxDuration = "10m")
    void segments(FuzzedDataProvider data) throws IOException {
        var disk = new FaultyDisk(new Random(1));
        List<byte[]> written = write(data, disk);
        var damage = new Damage(data, disk);
        damage.happen();
        int startEpoch = data.consumeInt(0, 3);
        List<byte[]> read = new ArrayList<>();
        JournalRecovery.Scan scan;
        try {
            scan =
                    JournalRecovery.scan(
                            disk, IDENTITY, startEpoch, (record, _) -> read.add(record));
        } catch (IOException _) {
            checkRead(read, written, damage);
            return;
        }
        checkRead(read, written, damage);
        assertEquals(startEpoch + scan.live().size(), scan.nextEpoch());
        // Whatever the scan takes a journal goes on from.
        if (scan.nextSequence() > 0 && scan.nextEpoch() > 0 && !damage.isForged()) {
            new Journal(disk, IDENTITY, TINY, scan).close();
            List<byte[]> again = new ArrayList<>();
            JournalRecovery.scan(disk, IDENTITY, startEpoch, (record, _) -> again.add(record));
            assertEquals(read.size(), again.size());
        }
    }

    private static List<byte[]> write(FuzzedDataProvider data, FaultyDisk disk) throws IOException {
        List<byte[]> written = new ArrayList<>();
        try (var journal = new Journal(disk, IDENTITY, TINY, empty())) {
            ByteBuffer group = ByteBuffer.allocate(64 << 10);
            for (int groups = data.consumeInt(0, 12); groups > 0; groups--) {
                RecordGroup.begin(group);
                int count = data.consumeInt(1, 3);
                for (int i = 0; i < count; i++) {
                    byte[] record = aRecord(written.size(), data.consumeInt(0, 3000));
                    RecordGroup.add(group, List.of(ByteBuffer.wrap(record)), record.length);
                    written.add(record);
                }
                journal.write(group, count);
            }
        }
        return written;
    }

    private static JournalRecovery.Scan empty() {
        return new JournalRecovery.Scan(List.of(), List.of(), JournalSegment.FIRST_EPOCH, 1);
    }

    /// Records that are all different.
    private static byte[] aRecord(int number, int tablesBytes) {
        var pg = new PlacementGroupId(1);
        return bytesOf(new JournalRecord.Adopted(pg, 1, number, ByteBuffer.allocate(tablesBytes)));
    }

    /// Of what nobody forged a run comes back; of what was sealed anew at least no bytes that are
    /// in no file.
    private static void checkRead(List<byte[]> read, List<byte[]> written, Damage damage) {
        read.forEach(JournalFuzzTest::decodeAndEncode);
        if (damage.isForged()) {
            assertTrue(read.stream().allMatch(record -> record.length < damage.bytesMax()));
            return;
        }
        int start = -1;
        for (byte[] record : read) {
            int at = indexOf(written, record);
            assertTrue(at >= 0, "a record that was never written");
            assertTrue(start < 0 || at == start + 1, "not the record that follows");
            start = at;
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

    /// What a bad medium, a bad controller, and somebody who can compute checksums do to files.
    private static final class Damage {
        private final FuzzedDataProvider data;
        private final FaultyDisk disk;
        private boolean isForged;

        Damage(FuzzedDataProvider data, FaultyDisk disk) {
            this.data = data;
            this.disk = disk;
        }

        /// Whether a checksum was made to fit, so that any record may have become true.
        boolean isForged() {
            return isForged;
        }

        int bytesMax() {
            return 2 * SEGMENT_BYTES;
        }

        void happen() throws IOException {
            for (int left = data.consumeInt(0, 8); left > 0; left--) {
                List<String> names = disk.list(JournalSegment.FOLDER);
                if (names.isEmpty()) {
                    return;
                }
                String name = JournalSegment.FOLDER + "/" + data.pickValue(names);
                byte[] bytes = disk.contents(name);
                replace(data.consumeInt(0, 15) == 0 ? another() : name, changed(bytes));
            }
        }

        private String another() {
            return JournalSegment.spare(data.consumeInt(0, 9)).fileName();
        }

        private byte[] changed(byte[] bytes) {
            int blocks = Math.max(1, bytes.length / BLOCK);
            int block = BLOCK * data.consumeInt(0, blocks - 1);
            switch (data.consumeInt(0, 6)) {
                case 0 -> {
                    return Arrays.copyOf(bytes, data.consumeInt(0, 2 * SEGMENT_BYTES));
                }
                case 1 -> put(bytes, block + data.consumeInt(0, BLOCK - 1), data.consumeBytes(40));
                case 2 -> { // the fields of a group or of a header, which are told by their places
                    int field = 4 * data.consumeInt(0, 15);
                    put(bytes, block + field, number(data.consumeInt(-2, 40_000)));
                    seal(bytes, block);
                }
                case 3 -> {
                    put(bytes, block + RecordGroup.HEADER_BYTES, data.consumeBytes(64));
                    seal(bytes, block);
                }
                case 4 -> { // a misdirected write
                    int from = BLOCK * data.consumeInt(0, blocks - 1);
                    put(bytes, block, Arrays.copyOfRange(bytes, from, from + BLOCK));
                }
                case 5 -> put(bytes, block, new byte[BLOCK]);
                default -> seal(bytes, block);
            }
            return bytes;
        }

        private static byte[] number(int value) {
            return ByteBuffer.allocate(4).putInt(value).array();
        }

        private static void put(byte[] bytes, int at, byte[] change) {
            int count = Math.min(change.length, bytes.length - at);
            if (count > 0) {
                System.arraycopy(change, 0, bytes, at, count);
            }
        }

        /// Makes the checksum fit what is there, by the layouts of [RecordGroup] and
        /// [weft.storage.disk.FileHeader].
        private void seal(byte[] bytes, int at) {
            if (bytes.length < at + BLOCK) {
                return;
            }
            isForged = true;
            ByteBuffer out = ByteBuffer.wrap(bytes);
            var crc = new CRC32C();
            if (at == 0) {
                int end = 48 + out.getInt(44);
                if (end >= 48 && end <= BLOCK - 4) {
                    crc.update(bytes, 0, end);
                    out.putInt(end, (int) crc.getValue());
                }
                return;
            }
            int length = out.getInt(at + 4);
            if (length < RecordGroup.HEADER_BYTES || length > bytes.length - at) {
                return;
            }
            crc.update(bytes, at, 28);
            crc.update(ByteBuffer.allocate(16).putLong(3).putLong(4).flip());
            crc.update(bytes, at + RecordGroup.HEADER_BYTES, length - RecordGroup.HEADER_BYTES);
            out.putInt(at + 28, (int) crc.getValue());
        }

        private void replace(String name, byte[] bytes) throws IOException {
            if (disk.exists(name)) {
                disk.delete(name);
            }
            try (DiskFile file = disk.open(name, Disk.Use.BUFFERED)) {
                file.write(ByteBuffer.wrap(bytes), 0);
            }
        }
    }
}
