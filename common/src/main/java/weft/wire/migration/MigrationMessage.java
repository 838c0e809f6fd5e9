package weft.wire.migration;

import weft.wire.WireMessage;

import java.nio.ByteBuffer;
import java.util.UUID;

/// What the source and the destination of a live migration say to each other. The source asks, the
/// destination answers each message; every one names the migration's record, so that a late message
/// of an earlier attempt is refused.
///
/// ```text
///   source                          destination
///     Begin ───────────────────────►  checks that it prepared for this record
///     ◄─────────────────────── Taken
///     Pages, ZeroPages … (rounds) ──►  writes RAM
///     ◄─────────────────────── Taken
///     [pause]
///     Pages, ZeroPages … (the rest) ►
///     Complete ────────────────────►  restores, commits, resumes
///     ◄───────────── Committed | NotCommitted
/// ```
public sealed interface MigrationMessage extends WireMessage {
    /// Pages in one message: 1 MiB.
    int PAGES_MAX = 256;

    int PAGE_BYTES = 4096;

    /// The state of vCPUs and devices: far above what 16 harts and 32 devices need.
    int STATE_BYTES_MAX = 4 << 20;

    /// The record of the move.
    UUID migration();

    /// First: does the destination wait for this?
    record Begin(UUID migration, String vm, long epoch, long memoryBytes)
            implements MigrationMessage {}

    /// Pages of RAM with content.
    ///
    /// @param pages guest-physical page numbers (address / 4096), at most [#PAGES_MAX]
    /// @param content 4096 bytes for each
    record Pages(UUID migration, long[] pages, ByteBuffer content) implements MigrationMessage {
        public Pages {
            if (pages.length > PAGES_MAX || content.remaining() != pages.length * PAGE_BYTES) {
                throw new IllegalArgumentException(
                        "%d pages with %d bytes".formatted(pages.length, content.remaining()));
            }
        }
    }

    /// Pages that became zero after they were sent with content.
    record ZeroPages(UUID migration, long[] pages) implements MigrationMessage {
        public ZeroPages {
            if (pages.length > PAGES_MAX) {
                throw new IllegalArgumentException(pages.length + " pages");
            }
        }
    }

    /// All is sent: the state of vCPUs and devices, in the snapshot's form.
    ///
    /// @param pausedNanos how long the guest had been paused when this was sent, by the source's
    ///   clock
    record Complete(UUID migration, ByteBuffer state, long pausedNanos)
            implements MigrationMessage {}

    /// The source gives up before [Complete]; the destination drops what it has.
    record Abort(UUID migration, String reason) implements MigrationMessage {}

    /// The message was carried out.
    record Taken(UUID migration) implements MigrationMessage {}

    /// The destination owns the VM and runs it.
    ///
    /// @param blackoutNanos from the arrival of [Complete] until the vCPUs ran
    record Committed(UUID migration, long blackoutNanos) implements MigrationMessage {}

    /// The destination did not and will never commit.
    record NotCommitted(UUID migration, String reason) implements MigrationMessage {}
}
