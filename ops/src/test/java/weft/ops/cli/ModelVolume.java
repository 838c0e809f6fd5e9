package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.jspecify.annotations.Nullable;

import weft.volume.RemoteVolume;
import weft.wire.storage.BlockState;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

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

    /// Numbers of the volumes whose first layer it has in its chain.
    private final Set<Integer> ancestry = new HashSet<>();

    /// 0 of a snapshot, which has no layer of its own.
    private final int number;

    private ModelVolume(String name, int number, byte[] bytes, Set<Integer> below) {
        this.name = name;
        this.number = number;
        this.bytes = bytes;
        ancestry.addAll(below);
        if (number > 0) {
            ancestry.add(number);
        }
    }

    static ModelVolume empty(String name, int number, int sizeBytes) {
        return new ModelVolume(name, number, new byte[sizeBytes], Set.of());
    }

    ModelVolume snapshot(String snapshotName) {
        return new ModelVolume(snapshotName, 0, bytes.clone(), ancestry);
    }

    ModelVolume cloned(String cloneName, int cloneNumber, int sizeBytes) {
        return new ModelVolume(cloneName, cloneNumber, Arrays.copyOf(bytes, sizeBytes), ancestry);
    }

    boolean isSnapshot() {
        return number == 0;
    }

    boolean isSnapshotOf(ModelVolume volume) {
        return isSnapshot() && name.startsWith(volume.name + "@");
    }

    /// Whether the other one can be deleted only after this one.
    boolean keeps(ModelVolume other) {
        return other != this
                && !other.isSnapshot()
                && (isSnapshotOf(other) || ancestry.contains(other.number));
    }

    void put(int at, byte[] written) {
        System.arraycopy(written, 0, bytes, at, written.length);
    }

    void clear(Range range) {
        Arrays.fill(bytes, range.start(), range.end(), (byte) 0);
    }

    void grow(int sizeBytes) {
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
