package weft.storage.simulation;

import weft.wire.CountedMemory;
import weft.wire.MalformedMessage;
import weft.wire.MemoryPool;
import weft.wire.WireMessage;
import weft.wire.WireReader;
import weft.wire.WireWriter;
import weft.wire.storage.Mutation;
import weft.wire.storage.ReplicaMessage.Prepare;
import weft.wire.storage.StorageCodec;
import weft.wire.storage.StorageMessage;
import weft.wire.storage.StorageMessage.ReadDone;
import weft.wire.storage.StorageMessage.ToReplica;
import weft.wire.storage.StorageMessage.ToStore;
import weft.wire.storage.StorageMessage.WriteBlocks;

import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/// The memory that writes lie in when a node gets them, and blocks when a client does, as the
/// transport lends it: who keeps them without holding it soon has other bytes.
///
/// Unlike the transport it lends to short messages, too. When nodes hold all of it, messages lie on
/// the heap, where such a mistake is not seen: [#lentShare()] tells.
final class SimMemory {
    private static final long BYTES_MAX = 64 << 20;
    private static final StorageCodec CODEC = new StorageCodec();

    private final MemoryPool pool = MemoryPool.poisoning(BYTES_MAX);
    private long lent;
    private long onHeap;

    /// Of all writes and blocks, the part that did not lie on the heap.
    double lentShare() {
        return lent + onHeap == 0 ? 1 : (double) lent / (lent + onHeap);
    }

    /// Gives a message to who receives it, and takes its memory back.
    void lend(StorageMessage message, Consumer<StorageMessage> receiver) {
        if (!isLent(message)) {
            receiver.accept(message);
            return;
        }
        var writer = new WireWriter();
        CODEC.encode(message, writer);
        CountedMemory memory = pool.take(writer.lengthBytes());
        try {
            ByteBuffer bytes = memory.bytes();
            writer.toBuffers().forEach(bytes::put);
            receiver.accept(decoded(CODEC.typeIdOf(message), bytes.flip(), counted(memory)));
        } finally {
            memory.release();
        }
    }

    /// The same of an answer, whose memory the receiver lets go.
    void give(StorageMessage answer, CompletableFuture<WireMessage> receiver) {
        lend(
                answer,
                message -> {
                    message.memory().retain();
                    if (!receiver.complete(message)) {
                        message.memory().release();
                    }
                });
    }

    private static boolean isLent(StorageMessage message) {
        return switch (message) {
            case ReadDone _ -> true;
            case ToStore(_, WriteBlocks write) -> write.mutation() instanceof Mutation.Write;
            case ToReplica(_, _, Prepare prepare) ->
                    prepare.entry().mutation() instanceof Mutation.Write;
            default -> false;
        };
    }

    private CountedMemory counted(CountedMemory memory) {
        if (memory.isCounted()) {
            lent++;
            return memory;
        }
        onHeap++;
        return CountedMemory.HEAP;
    }

    private static StorageMessage decoded(int typeId, ByteBuffer bytes, CountedMemory memory) {
        try {
            StorageMessage message = CODEC.decode(typeId, new WireReader(bytes, memory));
            assert message.memory() == memory;
            return message;
        } catch (MalformedMessage e) {
            throw new AssertionError(e);
        }
    }
}
