package weft.storage.chunk;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

import weft.fabric.ChunkKey;

import java.io.IOException;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/// Block maps of chunks that are written in full.
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class BlockMapBench {
    private final BlockMap map = new BlockMap();
    private final Random random = new Random(1);

    /// Whether blocks have places of their own.
    @Param({"false", "true"})
    public boolean moved;

    private byte[] encoded = new byte[0];
    private int next;

    /// JMH has said whether.
    @Setup
    public void begin() {
        for (int block = 0; block < ChunkKey.CHUNK_BLOCKS; block++) {
            int place = moved ? ChunkKey.CHUNK_BLOCKS - 1 - block : block;
            map.store(block, place, random.nextInt());
        }
        encoded = map.encode();
    }

    /// As a checkpoint saves it.
    @Benchmark
    public byte[] encode() {
        return map.encode();
    }

    /// As the first access reads it back.
    @Benchmark
    public BlockMap decode() throws IOException {
        return BlockMap.decode(encoded);
    }

    /// A write of one block.
    @Benchmark
    public BlockMap store() {
        next = next + 7 & ChunkKey.CHUNK_BLOCKS - 1;
        map.store(next, moved ? ChunkKey.CHUNK_BLOCKS - 1 - next : next, next);
        return map;
    }

    /// A read of one block: where it is, and its checksum.
    @Benchmark
    public int look() {
        next = next + 7 & ChunkKey.CHUNK_BLOCKS - 1;
        return map.isStored(next) ? map.place(next) ^ map.checksum(next) : 0;
    }
}
