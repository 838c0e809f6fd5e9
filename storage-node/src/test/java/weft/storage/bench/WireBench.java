package weft.storage.bench;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.fabric.VolumeId;
import weft.storage.chunk.BlockMap;
import weft.wire.MalformedMessage;
import weft.wire.WireReader;
import weft.wire.WireWriter;
import weft.wire.storage.Mutation;
import weft.wire.storage.StorageCodec;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.ReadBlocks;
import weft.wire.storage.StorageMessage.WriteBlocks;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/// The storage protocol's codec, and the checksums of what it carries.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class WireBench {
    private static final PlacementGroupId PG = new PlacementGroupId(3);
    private static final List<VolumeId> LAYERS = List.of(new VolumeId(2), new VolumeId(1));

    private final StorageCodec codec = new StorageCodec();

    /// Bytes of a write.
    @Param({"4096", "1048576"})
    public int bytes = ChunkKey.BLOCK_BYTES;

    private ByteBuffer payload = ByteBuffer.allocate(0);
    private StorageMessage write = read();
    private byte[] written = new byte[0];

    private static StorageMessage read() {
        return new ReadBlocks(PG, 7, 4, LAYERS, 9, 0, ChunkKey.BLOCK_BYTES);
    }

    /// JMH has set the size.
    @Setup
    public void begin() {
        byte[] random = new byte[bytes];
        new Random(1).nextBytes(random);
        payload = ByteBuffer.wrap(random);
        ByteBuffer checksums = ByteBuffer.allocate(bytes / ChunkKey.BLOCK_BYTES * Integer.BYTES);
        var mutation = new Mutation.Write(LAYERS, 9, 0, payload, checksums);
        write = new WriteBlocks(PG, 7, 5, 100, 90, 4, mutation);
        var out = new WireWriter();
        codec.encode(write, out);
        written = out.toBytes();
    }

    /// A write request; its payload stays where it is.
    @Benchmark
    public List<ByteBuffer> encodeWrite() {
        var out = new WireWriter();
        codec.encode(write, out);
        return out.toBuffers();
    }

    /// The same, read: the payload is a view.
    @Benchmark
    public StorageMessage decodeWrite() throws MalformedMessage {
        return codec.decode(codec.typeIdOf(write), new WireReader(written));
    }

    /// CRC32C of each of its blocks.
    @Benchmark
    public int checksums() {
        int all = 0;
        for (int at = 0; at < bytes; at += ChunkKey.BLOCK_BYTES) {
            all ^= BlockMap.checksum(payload.slice(at, ChunkKey.BLOCK_BYTES));
        }
        return all;
    }
}
