package weft.volume;

import com.google.errorprone.annotations.concurrent.GuardedBy;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;
import weft.fabric.LayerChain;
import weft.fabric.VolumeId;
import weft.runtime.BrokenInvariant;
import weft.wire.CountedMemory;
import weft.wire.storage.BlockChecksums;
import weft.wire.storage.Mutation;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/// One read, write, zero or discard of any length, cut at chunk borders. Spans are made as earlier
/// ones end, so that zeroing a whole disk takes no memory.
final class VolumeOperation {
    /// Spans of one operation under way at once: a 32 MiB write has 9.
    private static final int SPANS_MAX = 32;

    /// What is done with the range.
    sealed interface Kind {
        /// @param target filled from `start`, its position when the operation began
        record Read(ByteBuffer target, int start) implements Kind {}

        /// @param source read from `start`, its position when the operation began
        /// @param given the memory whose bytes do not change while it is held; empty if they may
        record Write(ByteBuffer source, int start, Optional<CountedMemory> given) implements Kind {}

        /// @param states filled with the states of blocks from `firstBlock` of the volume on
        record Map(byte[] states, long firstBlock) implements Kind {}

        record Zero() implements Kind {}

        record Discard() implements Kind {}

        /// See [Mutation.CopyDown].
        record CopyDown(VolumeId upper, VolumeId lower) implements Kind {}

        /// See [Mutation.Fill]; whole blocks.
        ///
        /// @param source read from `start`
        record Fill(ByteBuffer source, int start) implements Kind {}

        /// See [Mutation.Cover]; whole blocks.
        record Cover() implements Kind {}

        /// See [Mutation.Trim]; whole blocks.
        record Trim() implements Kind {}

        /// Of one chunk's group only.
        record DropLayer(VolumeId layer) implements Kind {}

        /// Of one chunk's group only.
        record RaiseToken(long sessionsFrom) implements Kind {}

        /// Whether it has a number, and takes effect once.
        default boolean isChange() {
            return !(this instanceof Read || this instanceof Map);
        }
    }

    private final RemoteVolume volume;
    private final Kind kind;
    private final long startBytes;
    private final long endBytes;
    private final long deadlineNanos;
    private final CompletableFuture<Void> done;

    @GuardedBy("this")
    private long nextBytes;

    @GuardedBy("this")
    private int spansInFlight;

    @GuardedBy("this")
    private @Nullable Exception failure;

    /// Of the newest epoch that one of its spans belongs to.
    @GuardedBy("this")
    private CompletableFuture<Void> mayAnswer = CompletableFuture.completedFuture(null);

    VolumeOperation(
            RemoteVolume volume,
            Kind kind,
            long startBytes,
            long lengthBytes,
            long deadlineNanos,
            CompletableFuture<Void> done) {
        this.volume = volume;
        this.kind = kind;
        this.startBytes = startBytes;
        this.endBytes = startBytes + lengthBytes;
        this.deadlineNanos = deadlineNanos;
        this.done = done;
        nextBytes = startBytes;
    }

    /// Makes spans as long as there is room for them.
    void pump() {
        while (true) {
            long offset;
            int length;
            long number = 0;
            WriteLayers.@Nullable Epoch epoch = null;
            synchronized (this) {
                if (failure != null || nextBytes == endBytes || spansInFlight == SPANS_MAX) {
                    return;
                }
                offset = nextBytes;
                if (kind.isChange()) {
                    epoch = volume.layers().enter();
                    length = lengthFrom(offset, epoch.chain());
                    if (offset + length > volume.sizeBytes()) {
                        epoch.leave();
                        failure = volume.outOfRange(offset, length);
                        break;
                    }
                    if (mustWait(epoch, offset, length)) {
                        epoch.leave();
                        epoch.before().thenRun(this::pump);
                        return;
                    }
                    number = volume.writes().take();
                    if (number == 0) {
                        epoch.leave();
                        volume.stall(this);
                        return;
                    }
                    mayAnswer = epoch.mayAnswer();
                } else {
                    length = lengthFrom(offset, volume.layers().chain());
                }
                nextBytes += length;
                spansInFlight++;
            }
            start(offset, length, number, epoch);
        }
        // The volume has shrunk since the operation began: nothing of the new stamp goes there.
        @Nullable Exception failed;
        synchronized (this) {
            failed = spansInFlight == 0 ? failure : null;
        }
        if (failed != null) {
            done.completeExceptionally(failed);
        }
    }

    /// To the end of the chunk, or to where other layers are seen.
    private int lengthFrom(long offset, LayerChain chain) {
        long chunkEnd = offset - offset % ChunkKey.CHUNK_BYTES + ChunkKey.CHUNK_BYTES;
        long end = Math.min(endBytes, Math.min(chunkEnd, chain.sameUntil(offset)));
        return (int) (end - offset);
    }

    /// A change of a part of a block is completed from the layers below: not before all that goes
    /// there has arrived.
    private boolean mustWait(WriteLayers.Epoch epoch, long offset, int length) {
        boolean partial = (offset | length) % ChunkKey.BLOCK_BYTES != 0;
        boolean merges = kind instanceof Kind.Write || kind instanceof Kind.Zero;
        return partial && merges && !epoch.before().isDone();
    }

    private void start(long offset, int length, long number, WriteLayers.@Nullable Epoch epoch) {
        long chunkIndex = offset / ChunkKey.CHUNK_BYTES;
        int inChunk = (int) (offset % ChunkKey.CHUNK_BYTES);
        SpanRequest.Work work =
                epoch == null
                        ? look(offset, length, inChunk)
                        : new SpanRequest.Work.Change(
                                mutation(
                                        offset,
                                        length,
                                        chunkIndex,
                                        inChunk,
                                        epoch.chain().at(offset)),
                                number,
                                epoch);
        var span = new SpanRequest(volume, this, chunkIndex, work, deadlineNanos);
        volume.onSpanStarted(span);
        span.attempt();
    }

    private SpanRequest.Work look(long offset, int length, int inChunk) {
        return switch (kind) {
            case Kind.Read read -> fetch(read, offset, length, inChunk);
            case Kind.Map(var states, var firstBlock) -> {
                int end = (inChunk + length + ChunkKey.BLOCK_BYTES - 1) / ChunkKey.BLOCK_BYTES;
                int first = inChunk / ChunkKey.BLOCK_BYTES;
                int target = (int) (offset / ChunkKey.BLOCK_BYTES - firstBlock);
                yield new SpanRequest.Work.Survey(first, end - first, states, target);
            }
            default -> throw new BrokenInvariant("a change is stamped");
        };
    }

    private SpanRequest.Work fetch(Kind.Read read, long offset, int length, int inChunk) {
        int first = inChunk & -ChunkKey.BLOCK_BYTES;
        int end = (inChunk + length + ChunkKey.BLOCK_BYTES - 1) & -ChunkKey.BLOCK_BYTES;
        return new SpanRequest.Work.Fetch(
                first,
                end - first,
                inChunk - first,
                read.target(),
                read.start() + (int) (offset - startBytes),
                length);
    }

    private Mutation mutation(
            long offset, int length, long chunkIndex, int inChunk, List<VolumeId> layers) {
        return switch (kind) {
            case Kind.Read _, Kind.Map _ -> throw new BrokenInvariant("a read changes nothing");
            case Kind.Write(var source, var start, var given) -> {
                ByteBuffer payload =
                        given.isPresent()
                                ? source.slice(start + (int) (offset - startBytes), length)
                                : copyOf(source, start, offset, length);
                yield new Mutation.Write(
                        layers,
                        chunkIndex,
                        inChunk,
                        payload,
                        BlockChecksums.of(inChunk, payload),
                        given.orElse(CountedMemory.HEAP));
            }
            case Kind.Fill(var source, var start) -> {
                ByteBuffer payload = copyOf(source, start, offset, length);
                yield new Mutation.Fill(
                        layers, chunkIndex, inChunk, payload, BlockChecksums.of(inChunk, payload));
            }
            case Kind.Trim _ -> new Mutation.Trim(layers, chunkIndex, inChunk, length);
            case Kind.Cover _ -> new Mutation.Cover(layers, chunkIndex, inChunk, length);
            case Kind.CopyDown(var upper, var lower) ->
                    new Mutation.CopyDown(upper, lower, chunkIndex, inChunk, length);
            case Kind.DropLayer(var layer) -> new Mutation.DropLayer(layer);
            case Kind.Zero _ -> new Mutation.Zero(layers, chunkIndex, inChunk, length);
            case Kind.Discard _ -> new Mutation.Discard(layers, chunkIndex, inChunk, length);
            case Kind.RaiseToken(var sessionsFrom) ->
                    new Mutation.RaiseToken(volume.guard(), volume.token(), sessionsFrom);
        };
    }

    /// A guest may change the bytes under way, and the checksum must hold.
    private ByteBuffer copyOf(ByteBuffer source, int start, long offset, int length) {
        byte[] bytes = new byte[length];
        source.get(start + (int) (offset - startBytes), bytes);
        return ByteBuffer.wrap(bytes);
    }

    void onSpanEnded(Optional<? extends Exception> spanFailure) {
        boolean over;
        @Nullable Exception failed;
        synchronized (this) {
            spansInFlight--;
            if (failure == null && spanFailure.isPresent()) {
                failure = spanFailure.get();
            }
            failed = failure;
            over = spansInFlight == 0 && (failed != null || nextBytes == endBytes);
        }
        if (!over) {
            pump();
        } else if (failed != null) {
            done.completeExceptionally(failed);
        } else {
            CompletableFuture<Void> allowed;
            synchronized (this) {
                allowed = mayAnswer;
            }
            if (allowed.isDone()) {
                succeed();
            } else {
                allowed.thenRun(this::succeed);
            }
        }
    }

    private void succeed() {
        switch (kind) {
            case Kind.Read(var target, _) -> target.position(target.limit());
            case Kind.Write(var source, _, _) -> source.position(source.limit());
            default -> {}
        }
        done.complete(null);
    }
}
