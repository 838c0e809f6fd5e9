package weft.vmhost.migration;

import weft.fabric.Migration;
import weft.runtime.Clock;
import weft.transport.PeerConnection;
import weft.vmhost.memory.DirtyPages;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.migration.PageStream.ZeroPolicy;
import weft.wire.WireMessage;
import weft.wire.migration.MigrationMessage;

import java.io.IOException;
import java.nio.ByteBuffer;

/// The source's side of one migration, run by the thread of its VM:
///
/// ```text
///   Begin ─► round 0: all touched pages ─► rounds: what was dirtied meanwhile ─► until the rest fits
///   the pause ─► pause ─► state, the rest ─► Complete ─► Committed: the VM is the destination's
///                                                  └──► anything else: the caller must keep the VM by
///                                                       compare-and-set before it resumes
/// ```
public final class MigrationSource {
    /// Pre-copy ends when what is left can be sent within this time.
    private static final long PAUSE_NANOS_WANTED = 30_000_000;

    /// A guest that dirties faster than the link carries is switched over all the same.
    private static final int ROUNDS_MAX = 12;

    /// What the machine does for its own migration.
    public interface MovingMachine {
        GuestMemory memory();

        /// Stops harts and devices; disk requests not done within 10 ms travel in the state.
        void pause() throws IOException;

        /// vCPUs and devices, in the snapshot's form; only while paused.
        ByteBuffer captureState() throws IOException;
    }

    /// What the fabric is told, and asked.
    public interface Journal {
        /// How far it is; throws if the migration was called off.
        void progress(int round, long sentBytes, long remainingBytes) throws IOException;

        /// From here on it cannot be called off; throws if it was, or the fabric's records cannot
        /// be reached.
        void switching() throws IOException;
    }

    /// How it ended.
    public sealed interface Outcome {
        /// The destination runs the VM.
        record Moved(long sentBytes, long pauseNanos) implements Outcome {}

        /// It did not get that far: the machine was never paused.
        record CalledOff(String reason) implements Outcome {}

        /// The machine is paused, and the destination did not say that it owns it. It might.
        record InDoubt(String reason) implements Outcome {}
    }

    private final Migration migration;
    private final MovingMachine machine;
    private final PeerConnection destination;
    private final Journal journal;
    private final Clock clock;
    private int round;
    private long remainingBytes;

    public MigrationSource(
            Migration migration,
            MovingMachine machine,
            PeerConnection destination,
            Journal journal,
            Clock clock) {
        this.migration = migration;
        this.machine = machine;
        this.destination = destination;
        this.journal = journal;
        this.clock = clock;
    }

    /// Migrates; blocks until it is decided as far as this side can know.
    public Outcome run() {
        GuestMemory memory = machine.memory();
        var pages =
                new PageStream(
                        migration.id(),
                        memory,
                        destination,
                        sent -> journal.progress(round, sent, remainingBytes));
        DirtyPages rest;
        try {
            begin(memory);
            memory.startDirtyTracking();
            rest = preCopy(memory, pages);
            journal.switching();
        } catch (IOException | RuntimeException e) {
            memory.stopDirtyTracking();
            abort(e);
            return new Outcome.CalledOff(reasonOf(e));
        }
        try {
            return switchOver(memory, pages, rest);
        } catch (IOException | RuntimeException e) {
            // Whatever it was, the machine may be paused: only the caller's decision lets it go on.
            abort(e);
            return new Outcome.InDoubt(reasonOf(e));
        } finally {
            memory.stopDirtyTracking();
        }
    }

    private void begin(GuestMemory memory) throws IOException {
        expectTaken(
                new MigrationMessage.Begin(
                        migration.id(), migration.vm(), migration.epoch(), memory.sizeBytes()));
    }

    private void expectTaken(MigrationMessage message) throws IOException {
        WireMessage answer = PageStream.answerTo(destination.request(message));
        if (answer instanceof MigrationMessage.NotCommitted(var _, var reason)) {
            throw new IOException("the destination refuses: " + reason);
        }
        if (!(answer instanceof MigrationMessage.Taken)) {
            throw new IOException("the destination answers with " + answer);
        }
    }

    /// @return pages that were dirtied since they were sent and are not in the dirty set any more
    private DirtyPages preCopy(GuestMemory memory, PageStream pages) throws IOException {
        DirtyPages dirty = memory.touchedPages();
        ZeroPolicy zeroPolicy = ZeroPolicy.SKIP;
        while (true) {
            remainingBytes = dirty.count() * GuestMemory.PAGE_BYTES;
            journal.progress(round, pages.sentBytes(), remainingBytes);
            long sentBefore = pages.sentBytes();
            long startNanos = clock.nowNanos();
            pages.send(dirty, zeroPolicy);
            long tookNanos = Math.max(1, clock.nowNanos() - startNanos);
            long sentBytes = Math.max(GuestMemory.PAGE_BYTES, pages.sentBytes() - sentBefore);
            zeroPolicy = ZeroPolicy.SEND;
            dirty = memory.drainDirty();
            round++;
            double nanosPerByte = (double) tookNanos / sentBytes;
            double restNanos = dirty.count() * (double) GuestMemory.PAGE_BYTES * nanosPerByte;
            if (restNanos <= PAUSE_NANOS_WANTED || round >= ROUNDS_MAX) {
                remainingBytes = dirty.count() * GuestMemory.PAGE_BYTES;
                return dirty;
            }
        }
    }

    private Outcome switchOver(GuestMemory memory, PageStream pages, DirtyPages rest)
            throws IOException {
        long pausedAtNanos = clock.nowNanos();
        machine.pause();
        ByteBuffer state = machine.captureState();
        pages.send(memory.drainDirty().or(rest), ZeroPolicy.SEND);
        var complete =
                new MigrationMessage.Complete(
                        migration.id(), state, clock.nowNanos() - pausedAtNanos);
        WireMessage answer = PageStream.answerTo(destination.request(complete));
        return switch (answer) {
            case MigrationMessage.Committed _ ->
                    new Outcome.Moved(pages.sentBytes(), clock.nowNanos() - pausedAtNanos);
            case MigrationMessage.NotCommitted(var _, var reason) -> new Outcome.InDoubt(reason);
            default -> new Outcome.InDoubt("the destination answers with " + answer);
        };
    }

    /// Best effort: a destination that does not hear it drops what it has when the record says so.
    private void abort(Exception why) {
        destination.send(new MigrationMessage.Abort(migration.id(), reasonOf(why)));
    }

    private static String reasonOf(Exception why) {
        return why instanceof IOException ? String.valueOf(why.getMessage()) : why.toString();
    }
}
