package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.jspecify.annotations.Nullable;

import weft.volume.RemoteVolume;
import weft.wire.storage.BlockState;

import java.util.Arrays;

/// What a volume or a snapshot must hold: an array of bytes, and whose first layers it reads.
final class ModelVolume {
    static final int BLOCK = 4096;
    static final int CHUNK = 4 << 20;

    /// A range of bytes.
    record Range(int start, int end) {
        int length() {
            return end - start;
        }

        /// What a discard takes of it: whole blocks.
        Range wholeBlocks() {
            int from = Math.min(end, (start + BLOCK - 1) / BLOCK * BLOCK);
            return new Range(from, Math.max(from, end / BLOCK * BLOCK));
        }

        boolean touches(Range other) {
            return start < other.end && other.start < end;
        }
    }

    String name;
    byte[] bytes;

    /// Its holder's, if it has one.
    @Nullable RemoteVolume open;

    private ModelVolume(String name, byte[] bytes) {
        this.name = name;
        this.bytes = bytes;
    }

    static ModelVolume empty(String name, int sizeBytes) {
        return new ModelVolume(name, new byte[sizeBytes]);
    }

    ModelVolume snapshot(String snapshotName) {
        return new ModelVolume(snapshotName, bytes.clone());
    }

    ModelVolume cloned(String cloneName, int sizeBytes) {
        return new ModelVolume(cloneName, Arrays.copyOf(bytes, sizeBytes));
    }

    boolean isSnapshot() {
        return name.indexOf('@') >= 0;
    }

    boolean isSnapshotOf(ModelVolume volume) {
        return isSnapshot() && name.startsWith(volume.name + "@");
    }

    /// Whether the other one can be deleted only after this one.
    boolean keeps(ModelVolume other) {
        return other != this && !other.isSnapshot() && isSnapshotOf(other);
    }

    void put(int at, byte[] written) {
        System.arraycopy(written, 0, bytes, at, written.length);
    }

    void clear(Range range) {
        Arrays.fill(bytes, range.start(), range.end(), (byte) 0);
    }

    void resize(int sizeBytes) {
        bytes = Arrays.copyOf(bytes, sizeBytes);
    }

    boolean has(Range range, byte[] found) {
        return Arrays.equals(bytes, range.start(), range.end(), found, 0, found.length);
    }

    /// Compares what was read at the range.
    void check(Range range, byte[] found, String how) {
        int differs = Arrays.mismatch(bytes, range.start(), range.end(), found, 0, found.length);
        if (differs >= 0) {
            int at = range.start() + differs;
            throw new AssertionError(
                    "%s, %s: byte %d (block %d of chunk %d) is %d and should be %d"
                            .formatted(
                                    name,
                                    how,
                                    at,
                                    at % CHUNK / BLOCK,
                                    at / CHUNK,
                                    found[differs],
                                    bytes[at]));
        }
    }

    /// Compares what the pool says of blocks: only data are not zeroes.
    void checkMap(byte[] states) {
        assertEquals(bytes.length / BLOCK, states.length, name);
        for (int block = 0; block < states.length; block++) {
            if (BlockState.of(states[block]) != BlockState.DATA) {
                for (int at = block * BLOCK; at < (block + 1) * BLOCK; at++) {
                    assertEquals(0, bytes[at], name + " is told to be zero in block " + block);
                }
            }
        }
    }

    @Override
    public String toString() {
        return name;
    }
}
