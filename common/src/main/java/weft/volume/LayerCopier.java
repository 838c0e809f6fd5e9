package weft.volume;

import weft.fabric.ChunkKey;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.wire.storage.BlockState;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.LongConsumer;

/// Makes a layer dispensable: moves what it maps to the layer below it, or what those below it map
/// to itself. No reader sees a difference, also in the middle of it, so it may be stopped at any
/// time and begun again by anyone.
///
/// Not thread-safe. Blocks.
public final class LayerCopier implements AutoCloseable {
    /// Of one chunk: what a group's other requests wait for.
    private static final int PIECE_BYTES = 1 << 20;

    /// Pieces under way: other clients get the greater part of the pool.
    private static final int PIECES_MAX = 4;

    private final PoolClient client;
    private final Volume volume;
    private final RemoteVolume changes;
    private final Deque<CompletableFuture<Void>> underWay = new ArrayDeque<>();

    /// @param volume that has the layers; the largest that has them
    LayerCopier(PoolClient client, Volume volume) {
        this.client = client;
        this.volume = volume;
        changes = client.openForMaintenance(volume);
    }

    /// Moves what `upper` maps down to `lower`, directly below it, and drops `upper` everywhere.
    /// Nothing is written to either any more.
    ///
    /// @param progress is told how many bytes of the volume have been gone through
    public void mergeDown(VolumeId upper, VolumeId lower, LongConsumer progress)
            throws IOException, InterruptedException {
        Volume alone = volume.withAccess(Volume.Access.READ_ONLY).withLayers(List.of(upper));
        try (RemoteVolume has = client.openReadOnly(alone)) {
            for (long at = 0; at < volume.sizeBytes(); at += ChunkKey.CHUNK_BYTES) {
                long length = Math.min(ChunkKey.CHUNK_BYTES, volume.sizeBytes() - at);
                byte[] states = await(has.map(at, length));
                for (long piece = 0; piece < length; piece += PIECE_BYTES) {
                    long pieceBytes = Math.min(PIECE_BYTES, length - piece);
                    if (isAnyMapped(states, piece, pieceBytes)) {
                        drain(PIECES_MAX - 1);
                        underWay.add(changes.copyDown(upper, lower, at + piece, pieceBytes));
                    }
                }
                progress.accept(at + length);
            }
            drain(0);
        }
        for (long chunkIndex : client.groupsOf(volume).values()) {
            underWay.add(changes.dropLayerAt(upper, chunkIndex));
        }
        drain(0);
    }

    private static boolean isAnyMapped(byte[] states, long fromBytes, long lengthBytes) {
        int first = (int) (fromBytes / ChunkKey.BLOCK_BYTES);
        int end = (int) ((fromBytes + lengthBytes) / ChunkKey.BLOCK_BYTES);
        for (int block = first; block < end; block++) {
            if (states[block] != BlockState.UNMAPPED.code()) {
                return true;
            }
        }
        return false;
    }

    /// Copies to `layer`, to which nothing is written any more, what it does not map and the layers
    /// below it do.
    ///
    /// @param below top first
    /// @param progress is told how many bytes of the volume have been gone through
    public void fill(VolumeId layer, List<VolumeId> below, LongConsumer progress)
            throws IOException, InterruptedException {
        Volume own =
                new Volume(
                        layer.volume(),
                        volume.name(),
                        volume.sizeBytes(),
                        Volume.Access.READ_WRITE,
                        List.of(layer),
                        volume.placementRoot());
        Volume lower = volume.withAccess(Volume.Access.READ_ONLY).withLayers(below);
        try (RemoteVolume target = client.openForMaintenance(own);
                RemoteVolume has = client.openReadOnly(own);
                RemoteVolume source = client.openReadOnly(lower)) {
            for (long at = 0; at < volume.sizeBytes(); at += ChunkKey.CHUNK_BYTES) {
                long length = Math.min(ChunkKey.CHUNK_BYTES, volume.sizeBytes() - at);
                for (Run run : missing(await(has.map(at, length)), await(source.map(at, length)))) {
                    drain(PIECES_MAX - 1);
                    ByteBuffer bytes = ByteBuffer.allocate(run.blocks() * ChunkKey.BLOCK_BYTES);
                    long from = at + run.first() * (long) ChunkKey.BLOCK_BYTES;
                    underWay.add(
                            source.read(from, bytes)
                                    .thenCompose(_ -> target.fill(from, bytes.flip())));
                }
                progress.accept(at + length);
            }
            drain(0);
        }
    }

    /// Gives back what the volume holds from an offset on, which nobody reads or writes any more:
    /// in its top layer it is zeroes afterwards.
    ///
    /// @param fromBytes a multiple of 4096
    /// @param progress is told how many bytes have been gone through
    public void discardFrom(long fromBytes, LongConsumer progress)
            throws IOException, InterruptedException {
        try (RemoteVolume has = client.openReadOnly(volume)) {
            long at = fromBytes;
            while (at < volume.sizeBytes()) {
                long chunkEnd = (at / ChunkKey.CHUNK_BYTES + 1) * ChunkKey.CHUNK_BYTES;
                long length = Math.min(chunkEnd, volume.sizeBytes()) - at;
                boolean holdsData = false;
                for (byte state : await(has.map(at, length))) {
                    holdsData |= state == BlockState.DATA.code();
                }
                if (holdsData) {
                    drain(PIECES_MAX - 1);
                    underWay.add(changes.discard(at, length));
                }
                at += length;
                progress.accept(at - fromBytes);
            }
            drain(0);
        }
    }

    /// @param first of the chunk's blocks
    private record Run(int first, int blocks) {}

    /// Runs of blocks, of a piece at most, that the one does not map and the other has bytes for.
    private static List<Run> missing(byte[] has, byte[] source) {
        int blocksMax = PIECE_BYTES / ChunkKey.BLOCK_BYTES;
        List<Run> runs = new ArrayList<>();
        int block = 0;
        while (block < has.length) {
            int end = block;
            while (end < has.length
                    && end - block < blocksMax
                    && has[end] == BlockState.UNMAPPED.code()
                    && source[end] == BlockState.DATA.code()) {
                end++;
            }
            if (end > block) {
                runs.add(new Run(block, end - block));
            }
            block = Math.max(end, block + 1);
        }
        return runs;
    }

    private void drain(int most) throws IOException, InterruptedException {
        while (underWay.size() > most) {
            var _ = await(underWay.remove());
        }
    }

    private static <T> T await(CompletableFuture<T> future)
            throws IOException, InterruptedException {
        try {
            return future.get();
        } catch (ExecutionException e) {
            throw new IOException(String.valueOf(e.getCause()), e);
        }
    }

    @Override
    public void close() {
        changes.close();
    }
}
