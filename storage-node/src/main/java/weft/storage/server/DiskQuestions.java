package weft.storage.server;

import org.jspecify.annotations.Nullable;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.fabric.VolumeId;
import weft.runtime.Owned;
import weft.storage.replica.ReplicaDisk;
import weft.transport.Caller;
import weft.wire.audit.AuditMessage;
import weft.wire.audit.AuditMessage.ChunkDigest;
import weft.wire.audit.AuditMessage.DigestRequest;
import weft.wire.audit.AuditMessage.GroupDigest;
import weft.wire.storage.ChunkContent;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.zip.CRC32C;

/// The node's own questions about what its disk holds of a group, beside those of the replica: for
/// comparing replicas, for finding layers that nobody uses, and for scrubbing. Their tickets are
/// below zero.
@Owned("the replica's loop")
final class DiskQuestions {
    /// Questions under way at once; more are told to come back.
    private static final int QUESTIONS_MAX = 4;

    private sealed interface Question {}

    /// Lists chunks, reads each, sums up its checksums, which the disk verifies as it reads.
    private static final class Digest implements Question {
        final Caller caller;
        final Deque<ChunkStamp> unread = new ArrayDeque<>();
        final List<ChunkDigest> read = new ArrayList<>();
        boolean last;

        Digest(Caller caller) {
            this.caller = caller;
        }
    }

    private record Layers(Set<VolumeId> found, Consumer<Set<VolumeId>> answer)
            implements Question {}

    private record Chunks(CompletableFuture<ChunkPage> answer) implements Question {}

    private record Look(CompletableFuture<Verified> answer) implements Question {}

    /// Some of the group's chunks, ascending.
    ///
    /// @param last nothing follows
    record ChunkPage(List<ChunkStamp> stamps, boolean last) {}

    /// See [ReplicaDisk.Events#onVerified].
    record Verified(int nextBlock, int blocks, List<DamagedBlock> damaged) {}

    private final PlacementGroupId pg;
    private final Map<Long, Question> questions = new HashMap<>();
    private @Nullable ReplicaDisk disk;
    private long lastTicket;

    DiskQuestions(PlacementGroupId pg) {
        this.pg = pg;
    }

    void open(ReplicaDisk view) {
        disk = view;
    }

    void digest(DigestRequest request, Caller caller) {
        if (!begin(new Digest(caller), request.after())) {
            caller.fail(pg + ": too many ask for its digest; ask again");
        }
    }

    /// Returns false if it cannot be asked now; nothing answers then.
    boolean layers(Consumer<Set<VolumeId>> answer) {
        return begin(new Layers(new TreeSet<>(DiskQuestions::byValue), answer), Optional.empty());
    }

    /// Which chunks there are; fails if it cannot be asked now.
    void chunks(Optional<ChunkKey> after, CompletableFuture<ChunkPage> answer) {
        if (!begin(new Chunks(answer), after)) {
            answer.completeExceptionally(new IOException(pg + " cannot be asked now"));
        }
    }

    /// Looks at the chunk's blocks on the device; fails if it cannot be asked now.
    void verify(
            ChunkKey key, int fromBlock, ByteBuffer scratch, CompletableFuture<Verified> answer) {
        ReplicaDisk present = disk;
        if (present == null || questions.size() >= QUESTIONS_MAX) {
            answer.completeExceptionally(new IOException(pg + " cannot be asked now"));
            return;
        }
        lastTicket--;
        questions.put(lastTicket, new Look(answer));
        present.verify(lastTicket, key, fromBlock, scratch);
    }

    void onVerified(long ticket, Verified found) {
        if (questions.remove(ticket) instanceof Look look) {
            look.answer().complete(found);
        }
    }

    private static int byValue(VolumeId one, VolumeId other) {
        return Long.compare(one.value(), other.value());
    }

    private boolean begin(Question question, Optional<ChunkKey> after) {
        ReplicaDisk present = disk;
        if (present == null || questions.size() >= QUESTIONS_MAX) {
            return false;
        }
        lastTicket--;
        questions.put(lastTicket, question);
        present.listChunks(lastTicket, after);
        return true;
    }

    void onChunkList(long ticket, List<ChunkStamp> stamps, boolean last) {
        switch (questions.get(ticket)) {
            case Digest digest -> {
                int count = Math.min(stamps.size(), AuditMessage.CHUNKS_MAX);
                digest.unread.addAll(stamps.subList(0, count));
                digest.last = last && count == stamps.size();
                readNext(ticket, digest);
            }
            case Layers layers -> {
                stamps.forEach(stamp -> layers.found().add(stamp.key().layer()));
                ReplicaDisk present = disk;
                if (last || stamps.isEmpty() || present == null) {
                    questions.remove(ticket);
                    layers.answer().accept(layers.found());
                } else {
                    present.listChunks(ticket, Optional.of(stamps.getLast().key()));
                }
            }
            case Chunks chunks -> {
                questions.remove(ticket);
                chunks.answer().complete(new ChunkPage(stamps, last));
            }
            case Look _ -> {}
            case null -> {}
        }
    }

    private void readNext(long ticket, Digest digest) {
        ReplicaDisk present = disk;
        ChunkStamp next = digest.unread.peek();
        if (next == null || present == null) {
            questions.remove(ticket);
            digest.caller.reply(new GroupDigest(pg, true, digest.read, digest.last));
            return;
        }
        present.readChunk(ticket, next.key());
    }

    void onChunk(long ticket, Optional<ChunkContent> content) {
        if (questions.get(ticket) instanceof Digest digest) {
            digest.unread.remove();
            content.ifPresent(
                    chunk -> digest.read.add(new ChunkDigest(chunk.stamp(), crcOf(chunk))));
            readNext(ticket, digest);
        }
    }

    void onFailed(long ticket, String detail) {
        String why = pg + ": " + detail;
        switch (questions.remove(ticket)) {
            case Digest digest -> digest.caller.fail(why);
            case Chunks chunks -> chunks.answer().completeExceptionally(new IOException(why));
            case Look look -> look.answer().completeExceptionally(new IOException(why));
            case Layers _ -> {}
            case null -> {}
        }
    }

    /// Over (block, checksum) of each mapped block, ascending; the checksum of a block mapped as
    /// zeroes is 0 here. How blocks are grouped into runs makes no difference.
    private static int crcOf(ChunkContent chunk) {
        var crc = new CRC32C();
        ByteBuffer item = ByteBuffer.allocate(8);
        for (ChunkContent.Run run : chunk.runs()) {
            ByteBuffer checksums = run.checksums().duplicate();
            for (int i = 0; i < run.blocks(); i++) {
                int checksum = checksums.hasRemaining() ? checksums.getInt() : 0;
                crc.update(item.clear().putInt(run.firstBlock() + i).putInt(checksum).flip());
            }
        }
        return (int) crc.getValue();
    }
}
