package weft.storage.nbd;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.runtime.Owned;
import weft.transport.StraightReads;
import weft.volume.BlockVolume;
import weft.volume.VolumeException;
import weft.wire.CountedMemory;
import weft.wire.MemoryPool;

import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/// The second half of a connection: requests in, replies out, as many at once as there is room for.
///
/// A READ's data goes from the volume into the very buffer that is sent; a WRITE's goes from the
/// socket into the very memory that the volume gets, and sends on: an array, or, if it is long,
/// memory of a pool, which the socket is read into directly. Per request one record and one future
/// are allocated, at 50,000 requests/s some 10 MB/s of short-lived objects; beside them a pooled
/// buffer for a READ, and a short WRITE's array.
@Owned("the channel's event loop")
final class NbdTransmission {
    private static final Logger log = LoggerFactory.getLogger(NbdTransmission.class);

    /// A quarter of a pool's chunk, with the head of a reply.
    private static final int POOLED_BYTES_MAX = (4 << 20) - 4096;

    /// Requests of one connection in flight: four times the deepest queue clients use (256 slots is
    /// virtio-blk's).
    static final int REQUESTS_MAX = 1024;

    /// Bytes of one connection in flight: two of the largest requests.
    static final long BYTES_MAX = 2L * NbdProtocol.PAYLOAD_BYTES_MAX;

    /// What the bytes at hand led to.
    enum Progress {
        WANTS_BYTES,
        IS_FULL,
        DISCONNECTED,
        BROKEN
    }

    /// Whose half this is; called on the event loop, but `fenced`.
    interface Owner {
        /// After IS_FULL: there may be room again.
        void roomAgain();

        /// The last request in flight was answered.
        void idle();

        /// The volume has a new holder.
        void fenced();
    }

    private final ChannelHandlerContext ctx;
    private final BlockVolume volume;
    private final boolean isStructured;
    private final boolean hasAllocation;
    private final InFlightBudget budget;
    private final MemoryPool memory;
    private final StraightReads reads;
    private final NbdMeters meters;
    private final Owner owner;

    private @Nullable NbdRequest write; // whose payload is being read
    private @Nullable ByteBuffer payload; // null while a refused payload is skipped
    private CountedMemory payloadMemory = CountedMemory.HEAP;
    private int writeRefusal;
    private long missingBytes;

    private int requestCount;
    private long inFlightBytes;
    private boolean isRefusing;
    private boolean isFull;
    private boolean isAbandoned;
    private @Nullable Runnable whenIdle;

    NbdTransmission(
            ChannelHandlerContext ctx,
            BlockVolume volume,
            boolean isStructured,
            boolean hasAllocation,
            InFlightBudget budget,
            MemoryPool memory,
            StraightReads reads,
            NbdMeters meters,
            Owner owner) {
        this.memory = memory;
        this.reads = reads;
        this.ctx = ctx;
        this.volume = volume;
        this.isStructured = isStructured;
        this.hasAllocation = hasAllocation;
        this.budget = budget;
        this.meters = meters;
        this.owner = owner;
    }

    /// Takes requests and payloads as far as bytes and room go.
    Progress advance(ByteBuf in) {
        isFull = false;
        while (!isAbandoned) {
            NbdRequest unfinished = write;
            if (unfinished != null) {
                if (!readPayload(in, unfinished)) {
                    return Progress.WANTS_BYTES;
                }
                continue;
            }
            if (in.readableBytes() < NbdRequest.SIZE_BYTES) {
                return Progress.WANTS_BYTES;
            }
            int start = in.readerIndex();
            Optional<NbdRequest> parsed = NbdRequest.parse(in);
            if (parsed.isEmpty()) {
                return Progress.BROKEN;
            }
            NbdRequest request = parsed.get();
            if (request.type() == NbdProtocol.CMD_DISC) {
                return Progress.DISCONNECTED;
            }
            int refusal = refusalOf(request);
            boolean isWrite = request.type() == NbdProtocol.CMD_WRITE;
            if (isWrite && request.lengthBytes() > NbdProtocol.PAYLOAD_BYTES_MAX) {
                return Progress.BROKEN; // to skip it would mean to read up to 4 GiB for nothing
            }
            // A refusal takes its slot when it is sent, and waits for a free one as well.
            boolean hasRoom =
                    refusal == NbdProtocol.OK
                            ? takeRoom(request.bufferBytes())
                            : requestCount < REQUESTS_MAX;
            if (!hasRoom) {
                in.readerIndex(start);
                isFull = true;
                return Progress.IS_FULL;
            }
            meters.countRequest(request);
            if (isWrite) {
                beginPayload(request, refusal);
            } else if (refusal != NbdProtocol.OK) {
                refuse(request, refusal);
            } else {
                submit(request);
            }
        }
        in.skipBytes(in.readableBytes());
        return Progress.WANTS_BYTES;
    }

    private int refusalOf(NbdRequest request) {
        if (isRefusing) {
            return NbdProtocol.ESHUTDOWN;
        }
        return request.type() == NbdProtocol.CMD_BLOCK_STATUS && !hasAllocation
                ? NbdProtocol.EINVAL
                : request.refusal(volume.sizeBytes(), volume.isReadOnly());
    }

    private boolean takeRoom(long bytes) {
        if (requestCount >= REQUESTS_MAX
                || inFlightBytes + bytes > BYTES_MAX
                || !budget.take(bytes, this::retryOnLoop)) {
            return false;
        }
        requestCount++;
        inFlightBytes += bytes;
        return true;
    }

    private void retryOnLoop() {
        ctx.executor()
                .execute(() -> {
                    if (isFull) {
                        owner.roomAgain();
                    }
                });
    }

    private void giveRoom(long bytes) {
        requestCount--;
        inFlightBytes -= bytes;
        assert requestCount >= 0;
        assert inFlightBytes >= 0;
        budget.give(bytes);
        if (isFull && !isAbandoned) {
            owner.roomAgain();
        }
        if (requestCount == 0) {
            Runnable last = whenIdle;
            if (last != null) {
                whenIdle = null;
                last.run();
            } else {
                owner.idle();
            }
        }
    }

    private void beginPayload(NbdRequest request, int refusal) {
        write = request;
        writeRefusal = refusal;
        missingBytes = request.lengthBytes();
        payload = refusal == NbdProtocol.OK ? payload((int) request.lengthBytes()) : null;
    }

    private ByteBuffer payload(int lengthBytes) {
        boolean isPooled =
                lengthBytes >= MemoryPool.LENGTH_BYTES_MIN
                        && lengthBytes <= MemoryPool.LENGTH_BYTES_MAX;
        if (!isPooled) {
            return ByteBuffer.allocate(lengthBytes);
        }
        payloadMemory = memory.take(lengthBytes);
        ByteBuffer all = payloadMemory.bytes();
        if (payloadMemory.isCounted()) {
            reads.want(all);
        }
        return all;
    }

    /// Takes a read that went to where its payload is to be, if it is one.
    void takeStraight(ByteBuf in) {
        int bytes = reads.filled(in);
        if (bytes > 0) {
            in.skipBytes(bytes);
            missingBytes -= bytes;
        }
    }

    /// What is long takes no more than it needs: the pool's chunks would leave the rest of one
    /// idle, and the budget counts bytes that were asked for.
    private ByteBuf buffer(int lengthBytes) {
        return lengthBytes <= POOLED_BYTES_MAX
                ? ctx.alloc().directBuffer(lengthBytes)
                : Unpooled.directBuffer(lengthBytes, lengthBytes);
    }

    /// Takes what there is of the payload.
    ///
    /// @return whether it is complete
    private boolean readPayload(ByteBuf in, NbdRequest request) {
        int bytes = (int) Math.min(in.readableBytes(), missingBytes);
        ByteBuffer destination = payload;
        if (destination == null) {
            in.skipBytes(bytes);
        } else {
            in.readBytes(destination.slice(destination.position(), bytes));
            destination.position(destination.position() + bytes);
        }
        missingBytes -= bytes;
        if (missingBytes > 0) {
            return false;
        }
        CountedMemory own = endPayload();
        if (destination == null) {
            refuse(request, writeRefusal);
        } else {
            CompletableFuture<Void> written =
                    volume.writeGiven(request.offsetBytes(), destination.flip(), own);
            written.whenComplete((_, _) -> own.release());
            complete(request, null, written);
        }
        return true;
    }

    private CountedMemory endPayload() {
        CountedMemory own = payloadMemory;
        payloadMemory = CountedMemory.HEAP;
        write = null;
        payload = null;
        reads.want(null);
        return own;
    }

    private void submit(NbdRequest request) {
        long offset = request.offsetBytes();
        long length = request.lengthBytes();
        switch (request.type()) {
            case NbdProtocol.CMD_READ -> {
                if (length == 0) {
                    complete(request, null, CompletableFuture.completedFuture(null));
                    return;
                }
                int header = NbdReply.readHeaderBytes(isStructured);
                ByteBuf buffer = buffer(header + (int) length);
                buffer.writerIndex(header + (int) length);
                complete(
                        request,
                        buffer,
                        volume.read(offset, buffer.nioBuffer(header, (int) length)));
            }
            case NbdProtocol.CMD_BLOCK_STATUS ->
                    submitStatus(
                            request,
                            volume.map(offset, Math.min(length, NbdProtocol.STATUS_BYTES_MAX)));
            case NbdProtocol.CMD_CACHE -> {
                // The pool's nodes have it in memory when it has been read.
                ByteBuf buffer = buffer((int) request.bufferBytes());
                complete(
                        request,
                        buffer,
                        volume.read(offset, buffer.nioBuffer(0, (int) request.bufferBytes())));
            }
            case NbdProtocol.CMD_FLUSH -> complete(request, null, volume.flush());
            case NbdProtocol.CMD_TRIM -> complete(request, null, volume.discard(offset, length));
            case NbdProtocol.CMD_WRITE_ZEROES ->
                    complete(request, null, volume.writeZeroes(offset, length));
            default -> throw new AssertionError("refused before: " + request.type());
        }
    }

    private void submitStatus(NbdRequest request, CompletableFuture<byte[]> map) {
        map.whenComplete((states, failure) ->
                ctx.executor()
                        .execute(() -> {
                            if (failure != null || isAbandoned) {
                                answer(request, null, failure);
                                return;
                            }
                            ByteBuf out = ctx.alloc().buffer();
                            NbdReply.writeStatus(out, request, states);
                            send(request, out);
                        }));
    }

    /// @param buffer what is read; the volume's until the future completes
    private void complete(
            NbdRequest request, @Nullable ByteBuf buffer, CompletableFuture<Void> operation) {
        CompletableFuture<Void> stable =
                request.isForcedToStableStorage() && request.type() != NbdProtocol.CMD_READ
                        ? operation.thenCompose(nothing -> volume.flush())
                        : operation;
        stable.whenComplete((nothing, failure) -> {
            if (ctx.executor().inEventLoop()) {
                answerOrClose(request, buffer, failure);
            } else {
                ctx.executor().execute(() -> answerOrClose(request, buffer, failure));
            }
        });
    }

    private void answerOrClose(
            NbdRequest request, @Nullable ByteBuf buffer, @Nullable Throwable failure) {
        try {
            answer(request, buffer, failure);
        } catch (RuntimeException | Error e) {
            log.error("export {}: closed, as a reply could not be made", volume, e);
            ctx.close();
        }
    }

    private void answer(NbdRequest request, @Nullable ByteBuf buffer, @Nullable Throwable failure) {
        boolean isFenced = isFenced(failure);
        if (isFenced) {
            owner.fenced();
        }
        if (isAbandoned || isFenced) {
            if (buffer != null) {
                buffer.release();
            }
            giveRoom(request.bufferBytes());
            return;
        }
        if (failure == null && buffer != null && request.type() == NbdProtocol.CMD_READ) {
            NbdReply.setReadHeader(buffer, request, isStructured);
            send(request, buffer);
            return;
        }
        if (buffer != null) {
            buffer.release();
        }
        ByteBuf out = ctx.alloc().buffer(NbdReply.HEADER_BYTES_MAX);
        int error = errorOf(failure);
        if (error != NbdProtocol.OK) {
            meters.countError();
        }
        NbdReply.write(out, request, error, isStructured);
        send(request, out);
    }

    /// The room is given back when the bytes have left: a client that does not read its replies is
    /// not read from either.
    private void send(NbdRequest request, ByteBuf reply) {
        ctx.writeAndFlush(reply).addListener(sent -> giveRoom(request.bufferBytes()));
    }

    private void refuse(NbdRequest request, int error) {
        meters.countError();
        // Takes a slot, so that refusals cannot pile up unsent without end.
        requestCount++;
        ByteBuf out = ctx.alloc().buffer(NbdReply.HEADER_BYTES_MAX);
        NbdReply.write(out, request, error, isStructured);
        ctx.writeAndFlush(out).addListener(sent -> giveRoom(0));
    }

    private static boolean isFenced(@Nullable Throwable failure) {
        return cause(failure) instanceof VolumeException refused
                && refused.reason() == VolumeException.Reason.FENCED;
    }

    private static int errorOf(@Nullable Throwable failure) {
        return switch (cause(failure)) {
            case null -> NbdProtocol.OK;
            case VolumeException refused ->
                    switch (refused.reason()) {
                        case READ_ONLY -> NbdProtocol.EPERM;
                        case NO_SPACE -> NbdProtocol.ENOSPC;
                        case OUT_OF_RANGE -> NbdProtocol.EINVAL;
                        case CLOSED -> NbdProtocol.ESHUTDOWN;
                        // Unknown or lost: the client's own policy decides (qemu: rerror, werror).
                        case TIMED_OUT, CORRUPT, FENCED -> NbdProtocol.EIO;
                    };
            case Throwable other -> NbdProtocol.EIO;
        };
    }

    private static @Nullable Throwable cause(@Nullable Throwable failure) {
        return failure instanceof CompletionException wrapped ? wrapped.getCause() : failure;
    }

    /// Whether a payload has begun to come and is not complete.
    boolean isWithinPayload() {
        return write != null;
    }

    boolean isIdle() {
        return requestCount == 0;
    }

    /// From now on new requests are answered with ESHUTDOWN.
    void refuseNewRequests() {
        isRefusing = true;
    }

    /// The connection is gone: nothing is sent any more.
    ///
    /// @param released runs when nothing is in flight any more
    void abandon(Runnable released) {
        isAbandoned = true;
        NbdRequest unfinished = write;
        boolean isHalf = unfinished != null && writeRefusal == NbdProtocol.OK;
        endPayload().release();
        whenIdle = released;
        if (unfinished != null && isHalf) {
            giveRoom(unfinished.bufferBytes());
        } else if (requestCount == 0) {
            whenIdle = null;
            released.run();
        }
    }
}
