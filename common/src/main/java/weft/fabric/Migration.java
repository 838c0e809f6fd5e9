package weft.fabric;

import java.util.UUID;

/// One move of a running VM. The record is the task: whatever is prepared for it names `id`, and is
/// dropped when the record is gone or names another.
///
/// @param phase as drawn in `MigrationPhase` of the VM host
/// @param transferredBytes of RAM, so far
/// @param remainingBytes of RAM, by the last round's bitmap
/// @param downtimeMillis from the vCPUs' stop to their start, 0 until done
/// @param detail why it failed or what it does; may be empty
public record Migration(
        UUID id,
        String vm,
        NodeId from,
        NodeId to,
        long epoch,
        Phase phase,
        int round,
        long transferredBytes,
        long remainingBytes,
        long downtimeMillis,
        long totalMillis,
        String detail) {
    /// REQUESTED → PREPARED (by the destination) → COPYING → SWITCHING → DONE, or FAILED from any
    /// of them; CANCELLED before SWITCHING.
    public enum Phase {
        REQUESTED,
        PREPARED,
        COPYING,
        SWITCHING,
        DONE,
        FAILED,
        CANCELLED;

        /// Whether nothing more will happen.
        public boolean isOver() {
            return this == DONE || this == FAILED || this == CANCELLED;
        }
    }

    /// The same move in another phase.
    public Migration inPhase(Phase next, String why) {
        return new Migration(
                id,
                vm,
                from,
                to,
                epoch,
                next,
                round,
                transferredBytes,
                remainingBytes,
                downtimeMillis,
                totalMillis,
                why);
    }

    /// The same move with newer figures.
    public Migration withProgress(int nowRound, long sentBytes, long leftBytes) {
        return new Migration(
                id,
                vm,
                from,
                to,
                epoch,
                phase,
                nowRound,
                sentBytes,
                leftBytes,
                downtimeMillis,
                totalMillis,
                detail);
    }

    /// The move is done.
    public Migration done(long pausedMillis, long tookMillis) {
        return new Migration(
                id,
                vm,
                from,
                to,
                epoch,
                Phase.DONE,
                round,
                transferredBytes,
                0,
                pausedMillis,
                tookMillis,
                "");
    }
}
