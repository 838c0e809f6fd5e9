package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import weft.volume.BlockVolume;

import java.nio.ByteBuffer;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/// Somebody who writes to a volume of 64 MiB all the time: blocks of a number that it remembers.
final class BlockWriter {
    private static final int BLOCK = 4096;
    private static final int BLOCKS = (64 << 20) / BLOCK;

    private final BlockVolume volume;
    private final long[] written = new long[BLOCKS];
    private final AtomicBoolean stopped = new AtomicBoolean();
    private final CompletableFuture<Long> end;

    BlockWriter(BlockVolume volume) {
        this.volume = volume;
        end = CompletableFuture.supplyAsync(this::run);
    }

    private static ByteBuffer block(long number) {
        var bytes = ByteBuffer.allocate(BLOCK);
        while (bytes.hasRemaining()) {
            bytes.putLong(number);
        }
        return bytes.flip();
    }

    private long run() {
        var random = new Random(5);
        long number = 0;
        while (!stopped.get()) {
            int at = random.nextInt(BLOCKS);
            number++;
            volume.write((long) at * BLOCK, block(number)).orTimeout(30, TimeUnit.SECONDS).join();
            written[at] = number;
        }
        return number;
    }

    /// Stops, and compares all with what was acknowledged.
    void finish() throws Exception {
        stopped.set(true);
        assertTrue(end.get(60, TimeUnit.SECONDS) > 100, "there were writes");
        for (int at = 0; at < BLOCKS; at++) {
            if (written[at] > 0) {
                var read = ByteBuffer.allocate(BLOCK);
                volume.read((long) at * BLOCK, read).get(30, TimeUnit.SECONDS);
                assertEquals(block(written[at]), read.flip(), "block " + at);
            }
        }
    }
}
