package weft.volume;

import weft.fabric.ChunkKey;
import weft.fabric.LayerChain;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.wire.storage.BlockState;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/// Makes layers dispensable: moves what they map to others. No reader sees a difference, also in
/// the middle of it, so it may be stopped at any time and begun again by anyone. From the moment in
/// which the next copier is there, nothing of this one is done any more.
///
/// Not thread-safe. Blocks.
public final class LayerCopier implements AutoCloseable {
    /// Of one chunk: what a group's other requests wait for.
    private static final int PIECE_BYTES = 1 << 20;

    /// What is read and written at once.
    private static final int FILL_BYTES_MAX = 256 << 10;

    /// Pieces under way: other clients get the greater part of the pool.
    private static final int PIECES_MAX = 4;

    private final PoolClient client;
    private final Volume volume;
    private final long token;
    private final Map<VolumeId, RemoteVolume> writers = new HashMap<>();
    private final Deque<CompletableFuture<Void>> underWay = new ArrayDeque<>();

    /// @param volume that has the layers, as long as they reach
    LayerCopier(PoolClient client, Volume volume, long token) {
        this.client = client;
        this.volume = volume.withAccess(Volume.Access.READ_ONLY);
        this.token = token;
    }

    /// Moves what `upper` maps down to `lower`, directly below it, and drops `upper` everywhere.
    /// Nothing is written to either any more.
    ///
    /// @param endBytes up to where anyone sees the upper one
    public void mergeDown(VolumeId upper, VolumeId lower, long endBytes)
            throws IOException, InterruptedException {
        RemoteVolume changes = writer(lower);
        try (RemoteVolume has = reader(LayerChain.of(List.of(upper)))) {
            long end = Math.min(endBytes, volume.sizeBytes());
            for (long at = 0; at < end; at += ChunkKey.CHUNK_BYTES) {
                long length = Math.min(ChunkKey.CHUNK_BYTES, end - at);
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
            for (long chunkIndex : client.groupsOf(volume).values()) {
                underWay.add(changes.dropLayerAt(upper, chunkIndex));
            }
            drain(0);
        }
    }

    /// Gives the space back of what a layer has where nobody sees it.
    ///
    /// @param fromBytes where the layer ends for all
    public void trim(VolumeId layer, long fromBytes) throws IOException, InterruptedException {
        RemoteVolume changes = writer(layer);
        try (RemoteVolume has = reader(LayerChain.of(List.of(layer)))) {
            long at = fromBytes;
            while (at < volume.sizeBytes()) {
                long length = toChunkEnd(at, volume.sizeBytes());
                byte[] states = await(has.map(at, length));
                if (isAnyStored(states)) {
                    drain(PIECES_MAX - 1);
                    underWay.add(changes.trim(at, length));
                }
                at += length;
            }
            drain(0);
        }
    }

    /// Gives a layer what is seen of those below it in one chunk, and covers these. Nothing is
    /// written to any of them any more.
    ///
    /// @param offsetBytes within the chunk
    /// @param endBytes up to where those below are seen
    /// @return where the next chunk begins
    public long fill(VolumeId layer, LayerChain below, long offsetBytes, long endBytes)
            throws IOException, InterruptedException {
        long length = toChunkEnd(offsetBytes, Math.min(endBytes, volume.sizeBytes()));
        RemoteVolume changes = writer(layer);
        try (RemoteVolume has = reader(LayerChain.of(List.of(layer)));
                RemoteVolume source = reader(below)) {
            byte[] own = await(has.map(offsetBytes, length));
            if (isAllMapped(own)) {
                return offsetBytes + length;
            }
            byte[] theirs = await(source.map(offsetBytes, length));
            for (int block = 0; block < own.length; ) {
                int end = runEnd(own, theirs, block);
                if (isToFill(own, theirs, block)) {
                    drain(PIECES_MAX - 1);
                    long at = offsetBytes + (long) block * ChunkKey.BLOCK_BYTES;
                    ByteBuffer bytes = ByteBuffer.allocate((end - block) * ChunkKey.BLOCK_BYTES);
                    var _ = await(source.read(at, bytes));
                    underWay.add(changes.fill(at, bytes.flip()));
                }
                block = end;
            }
            // Only now: what is covered is not filled any more.
            drain(0);
            var _ = await(changes.cover(offsetBytes, length));
        }
        return offsetBytes + length;
    }

    /// The next of the rows that [#fill] takes at once.
    private static int runEnd(byte[] own, byte[] theirs, int block) {
        int most = Math.min(own.length, block + FILL_BYTES_MAX / ChunkKey.BLOCK_BYTES);
        int end = block + 1;
        while (end < most && isToFill(own, theirs, end) == isToFill(own, theirs, block)) {
            end++;
        }
        return end;
    }

    private static boolean isToFill(byte[] own, byte[] theirs, int block) {
        return own[block] == BlockState.UNMAPPED.code() && theirs[block] == BlockState.DATA.code();
    }

    private static long toChunkEnd(long atBytes, long endBytes) {
        long chunkEnd = atBytes - atBytes % ChunkKey.CHUNK_BYTES + ChunkKey.CHUNK_BYTES;
        return Math.min(chunkEnd, endBytes) - atBytes;
    }

    private RemoteVolume reader(LayerChain chain) {
        return client.openReadOnly(volume.withChain(chain));
    }

    /// One for all: groups remember each that ever changed something.
    private RemoteVolume writer(VolumeId layer) {
        return writers.computeIfAbsent(
                layer, _ -> client.openForMaintenance(volume.withLayers(List.of(layer)), token));
    }

    /// See [PoolClient#mappedUntil].
    static long mappedUntil(RemoteVolume layer, long fromBytes, long endBytes)
            throws IOException, InterruptedException {
        long at = fromBytes;
        while (at < endBytes) {
            long length = toChunkEnd(at, endBytes);
            if (!isAllMapped(await(layer.map(at, length)))) {
                break;
            }
            at += length;
        }
        return at;
    }

    private static boolean isAllMapped(byte[] states) {
        for (byte state : states) {
            if (state == BlockState.UNMAPPED.code()) {
                return false;
            }
        }
        return true;
    }

    private static boolean isAnyStored(byte[] states) {
        for (byte state : states) {
            if (BlockState.of(state) == BlockState.DATA) {
                return true;
            }
        }
        return false;
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
        writers.values().forEach(RemoteVolume::close);
    }
}
