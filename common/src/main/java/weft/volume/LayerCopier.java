package weft.volume;

import weft.fabric.ChunkKey;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.wire.storage.BlockState;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/// Makes a layer dispensable: moves what it maps to the layer below it. No reader sees a
/// difference, also in the middle of it, so it may be stopped at any time and begun again by
/// anyone.
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
    public void mergeDown(VolumeId upper, VolumeId lower) throws IOException, InterruptedException {
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
