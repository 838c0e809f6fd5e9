package weft.storage.journal;

import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.fabric.VolumeId;
import weft.storage.disk.FileDisk;
import weft.storage.disk.StoreIdentity;
import weft.wire.MalformedMessage;
import weft.wire.WireReader;
import weft.wire.WireWriter;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/// The journal's steps for writes of 4 KiB: the bytes of a record, of a group of them, and a group
/// made durable on a real disk ([JournalBench] measures that with a thread that groups).
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class JournalStepsBench {
    private static final int GROUP_RECORDS = 32;
    private static final UUID STORE = new UUID(1, 2);

    private final JournalRecord record = record();
    private final List<ByteBuffer> parts = parts();
    private final int recordBytes = parts.stream().mapToInt(ByteBuffer::remaining).sum();
    private final byte[] encoded = bytes();
    private final ByteBuffer group = ByteBuffer.allocateDirect(1 << 20);
    private @Nullable Path folder;
    private @Nullable GroupCommit opened;
    private long epoch;

    private static JournalRecord record() {
        byte[] random = new byte[ChunkKey.BLOCK_BYTES];
        new Random(1).nextBytes(random);
        ByteBuffer checksums = ByteBuffer.allocate(Integer.BYTES);
        var write =
                new Mutation.Write(
                        List.of(new VolumeId(1)), 9, 0, ByteBuffer.wrap(random), checksums);
        var entry = new Entry(7, 1000, 5, 100, 90, 4, write);
        return new JournalRecord.Prepared(new PlacementGroupId(3), 7, entry);
    }

    private List<ByteBuffer> parts() {
        var out = new WireWriter();
        JournalRecordCodec.put(record, out);
        return out.toBuffers();
    }

    private byte[] bytes() {
        var out = new WireWriter();
        JournalRecordCodec.put(record, out);
        return out.toBytes();
    }

    /// A journal in a folder of its own.
    @Setup
    public void begin() throws IOException {
        Path made = Files.createTempDirectory("journal-bench");
        folder = made;
        opened =
                GroupCommit.open(
                        new FileDisk(made),
                        new StoreIdentity(UUID.randomUUID(), STORE),
                        JournalSettings.DEFAULT,
                        1,
                        (_, _) -> {},
                        e -> {
                            throw new IllegalStateException(e);
                        });
    }

    /// Its files go.
    @TearDown
    public void end() throws IOException {
        Objects.requireNonNull(opened).close();
        try (Stream<Path> files = Files.walk(Objects.requireNonNull(folder))) {
            for (Path path : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }

    /// The bytes of a record; its payload stays where it is.
    @Benchmark
    public List<ByteBuffer> encode() {
        return parts();
    }

    /// A record read back.
    @Benchmark
    public JournalRecord decode() throws MalformedMessage {
        return JournalRecordCodec.get(new WireReader(encoded));
    }

    /// Thirty-two records copied into a group, with its checksum.
    @Benchmark
    public ByteBuffer groupOf32() {
        group.clear();
        RecordGroup.begin(group);
        for (int i = 0; i < GROUP_RECORDS; i++) {
            RecordGroup.add(group, parts, recordBytes);
        }
        RecordGroup.seal(group, GROUP_RECORDS, new RecordGroup.Place(1, 1), STORE);
        return group;
    }

    /// A record, durable.
    @Benchmark
    public void durable() throws IOException {
        append(1);
    }

    /// Thirty-two records, durable together.
    @Benchmark
    public void durable32() throws IOException {
        append(GROUP_RECORDS);
    }

    private void append(int records) throws IOException {
        GroupCommit journal = Objects.requireNonNull(opened);
        for (int i = 0; i < records; i++) {
            journal.append(parts, () -> {});
        }
        journal.flush();
        if (journal.currentEpoch() > epoch) {
            epoch = journal.currentEpoch();
            journal.recycleBefore(epoch, 0);
        }
    }
}
