package weft.storage.server;

import weft.fabric.ChunkKey;
import weft.storage.disk.Disk;
import weft.storage.replica.RepairOutcome;
import weft.wire.audit.AuditMessage;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.DamagedBlock;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Reads what the store has of a group and compares it with its checksums: a medium that decays is
/// noticed while the other copies are good. Every replica looks at its own copy, on the device and
/// not in the page cache; a damaged block is replaced from another member
/// ([weft.storage.replica.BlockRepairs]).
///
/// ```text
///   the group's chunks, ascending ──► runs of blocks ──► a block without its checksum:
///                                                        looked at again, then repaired
/// ```
///
/// A group's lock is held for 256 KiB at a time.
final class DeepScrub {
    private static final int SCRATCH_BYTES = 64 * ChunkKey.BLOCK_BYTES;

    private final ScrubPace pace;

    // Guarded by this.
    private final List<String> losses = new ArrayList<>();
    private long verifiedBytes;
    private long repairedBlocks;
    private long lostBlocks;

    // The scrubber's thread's own.
    private ByteBuffer scratch = newScratch();

    /// What was found since the start.
    record Found(long verifiedBytes, long repairedBlocks, long lostBlocks, List<String> losses) {}

    DeepScrub(ScrubPace pace) {
        this.pace = pace;
    }

    private static ByteBuffer newScratch() {
        return ByteBuffer.allocateDirect(SCRATCH_BYTES + Disk.ALIGNMENT_BYTES)
                .alignedSlice(Disk.ALIGNMENT_BYTES)
                .slice(0, SCRATCH_BYTES);
    }

    synchronized Found found() {
        return new Found(verifiedBytes, repairedBlocks, lostBlocks, List.copyOf(losses));
    }

    /// What is done between two chunks: a large group takes long.
    @FunctionalInterface
    interface Interlude {
        void play() throws InterruptedException;
    }

    /// Blocks until the group is done.
    ///
    /// @throws IOException if it does not get through
    void scrub(HostedReplica replica, Interlude interlude)
            throws IOException, InterruptedException {
        ScrubPace.patiently(() -> scrubbable(replica));
        scrubChunks(replica, interlude);
    }

    private static HostedReplica scrubbable(HostedReplica replica)
            throws IOException, InterruptedException {
        if (!ScrubPace.answer(replica.isMember())) {
            throw new IOException("not a member in sync");
        }
        return replica;
    }

    private void scrubChunks(HostedReplica replica, Interlude interlude)
            throws IOException, InterruptedException {
        Optional<ChunkKey> after = Optional.empty();
        boolean last = false;
        while (!last) {
            Optional<ChunkKey> reached = after;
            DiskQuestions.ChunkPage page =
                    ScrubPace.patiently(() -> ScrubPace.answer(replica.chunks(reached)));
            for (ChunkStamp stamp : page.stamps()) {
                interlude.play();
                scrubChunk(replica, stamp.key());
                after = Optional.of(stamp.key());
            }
            last = page.last() || page.stamps().isEmpty();
        }
    }

    private void scrubChunk(HostedReplica replica, ChunkKey key)
            throws IOException, InterruptedException {
        int block = 0;
        while (block < ChunkKey.CHUNK_BLOCKS) {
            int from = block;
            DiskQuestions.Verified found = ScrubPace.patiently(() -> look(replica, key, from));
            long bytes = (long) found.blocks() * ChunkKey.BLOCK_BYTES;
            synchronized (this) {
                verifiedBytes += bytes;
            }
            for (DamagedBlock damaged : found.damaged()) {
                repair(replica, damaged);
            }
            pace.pause(bytes);
            block = found.nextBlock();
        }
    }

    private DiskQuestions.Verified look(HostedReplica replica, ChunkKey key, int block)
            throws IOException, InterruptedException {
        try {
            return ScrubPace.answer(replica.verify(key, block, scratch));
        } catch (IOException e) {
            // The answer may still come, and bring bytes.
            scratch = newScratch();
            throw e;
        }
    }

    private void repair(HostedReplica replica, DamagedBlock block)
            throws IOException, InterruptedException {
        if (isGood(replica, block)) {
            return; // Written meanwhile.
        }
        RepairOutcome outcome = ScrubPace.patiently(() -> repairOnce(replica, block));
        synchronized (this) {
            switch (outcome) {
                case REPAIRED -> repairedBlocks++;
                case LOST -> {
                    lostBlocks++;
                    if (losses.size() < AuditMessage.LOSSES_MAX) {
                        losses.add(replica.pg() + ": " + block);
                    }
                }
                case NOT_NOW -> throw new IllegalStateException("after patience");
            }
        }
    }

    /// A role that ends after the copy was written does not tell: then the block is good.
    private RepairOutcome repairOnce(HostedReplica replica, DamagedBlock block)
            throws IOException, InterruptedException {
        RepairOutcome outcome = ScrubPace.answer(replica.repair(block));
        if (outcome != RepairOutcome.NOT_NOW) {
            return outcome;
        }
        if (isGood(replica, block)) {
            return RepairOutcome.REPAIRED;
        }
        throw new IOException(block + " could not be repaired now");
    }

    private boolean isGood(HostedReplica replica, DamagedBlock block)
            throws IOException, InterruptedException {
        DiskQuestions.Verified found =
                ScrubPace.patiently(() -> look(replica, block.key(), block.blockIndex()));
        return !found.damaged().contains(block);
    }
}
