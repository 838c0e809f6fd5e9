package weft.storage.store;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;
import weft.fabric.VolumeId;
import weft.wire.storage.Entry;
import weft.wire.storage.Mutation;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// What a group's chunks should hold, in the plainest way: a map from block to bytes.
final class GroupModel {
    private record Block(ChunkKey key, int index) {}

    private final Map<Block, byte[]> blocks = new HashMap<>();

    void apply(Entry entry) {
        switch (entry.mutation()) {
            case Mutation.Write write -> {
                byte[] bytes = new byte[write.lengthBytes()];
                write.payload().duplicate().get(bytes);
                put(write, write.offsetInChunk(), bytes);
            }
            case Mutation.Zero zero ->
                    put(zero, zero.offsetInChunk(), new byte[zero.lengthBytes()]);
            case Mutation.Discard discard -> {
                int from =
                        (discard.offsetInChunk() + ChunkKey.BLOCK_BYTES - 1) / ChunkKey.BLOCK_BYTES;
                int count = Mutation.wholeBlocks(discard.offsetInChunk(), discard.lengthBytes());
                put(discard, from * ChunkKey.BLOCK_BYTES, new byte[count * ChunkKey.BLOCK_BYTES]);
            }
            case Mutation.Fill fill -> fill(fill);
            case Mutation.Cover cover -> {
                int first = cover.offsetInChunk() / ChunkKey.BLOCK_BYTES;
                for (int i = 0; i < cover.lengthBytes() / ChunkKey.BLOCK_BYTES; i++) {
                    var block = new Block(cover.chunk(), first + i);
                    blocks.putIfAbsent(block, new byte[ChunkKey.BLOCK_BYTES]);
                }
            }
            case Mutation.Trim trim ->
                    put(trim, trim.offsetInChunk(), new byte[trim.lengthBytes()]);
            case Mutation.CopyDown copy -> copyDown(copy);
            case Mutation.DropLayer drop ->
                    blocks.keySet().removeIf(block -> block.key().layer().equals(drop.layer()));
            case Mutation.RaiseToken _, Mutation.ForgetVolume _ -> {}
        }
    }

    private void fill(Mutation.Fill fill) {
        int first = fill.offsetInChunk() / ChunkKey.BLOCK_BYTES;
        for (int i = 0; i < fill.lengthBytes() / ChunkKey.BLOCK_BYTES; i++) {
            byte[] block = new byte[ChunkKey.BLOCK_BYTES];
            fill.payload().duplicate().get(i * ChunkKey.BLOCK_BYTES, block);
            blocks.putIfAbsent(new Block(fill.chunk(), first + i), block);
        }
    }

    private void copyDown(Mutation.CopyDown copy) {
        int first = copy.offsetInChunk() / ChunkKey.BLOCK_BYTES;
        for (int i = 0; i < copy.lengthBytes() / ChunkKey.BLOCK_BYTES; i++) {
            byte @Nullable [] block = blocks.get(new Block(copy.source(), first + i));
            if (block != null) {
                blocks.put(new Block(copy.chunk(), first + i), block.clone());
            }
        }
    }

    private void put(Mutation.OfChunk mutation, int offset, byte[] bytes) {
        for (int i = 0; i < bytes.length; ) {
            int index = (offset + i) / ChunkKey.BLOCK_BYTES;
            int at = (offset + i) % ChunkKey.BLOCK_BYTES;
            int count = Math.min(ChunkKey.BLOCK_BYTES - at, bytes.length - i);
            byte[] block = read(mutation.layers(), mutation.chunkIndex(), index);
            System.arraycopy(bytes, i, block, at, count);
            blocks.put(new Block(mutation.chunk(), index), block);
            i += count;
        }
    }

    byte[] read(List<VolumeId> layers, long chunkIndex, int index) {
        for (VolumeId layer : layers) {
            byte @Nullable [] block = blocks.get(new Block(new ChunkKey(layer, chunkIndex), index));
            if (block != null) {
                return block.clone();
            }
        }
        return new byte[ChunkKey.BLOCK_BYTES];
    }

    ByteBuffer read(List<VolumeId> layers, long chunkIndex, int first, int count) {
        ByteBuffer all = ByteBuffer.allocate(count * ChunkKey.BLOCK_BYTES);
        for (int index = first; index < first + count; index++) {
            all.put(read(layers, chunkIndex, index));
        }
        return all.flip();
    }

    @Override
    public String toString() {
        return "%d blocks, hash %d"
                .formatted(
                        blocks.size(), blocks.values().stream().mapToInt(Arrays::hashCode).sum());
    }
}
