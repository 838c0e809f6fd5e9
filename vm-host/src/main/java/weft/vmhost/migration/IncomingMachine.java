package weft.vmhost.migration;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.Migration;
import weft.runtime.Clock;
import weft.runtime.Loop;
import weft.runtime.Owned;
import weft.transport.Caller;
import weft.vmhost.machine.Machine;
import weft.vmhost.memory.GuestFault;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.snapshot.MachineSnapshot;
import weft.wire.migration.MigrationMessage;

import java.io.IOException;
import java.nio.ByteBuffer;

/// The destination's side of one migration: an empty machine that is filled by messages and started
/// by the last one. Its loop may block: it commits to ZooKeeper and opens disks.
///
/// ```text
///   empty ──Begin──► filling ──Complete──► over: arrived, or it never will
///     └────────────────┴──Abort, or a message that cannot be──► over
/// ```
///
/// What comes is a peer's word. Whatever of it cannot be ends the migration, closes the connection
/// and leaves nothing of the machine; a page's content alone is taken as it is.
@Owned("its own loop, one per incoming machine")
public final class IncomingMachine implements AutoCloseable {
    /// What becomes of the machine here.
    public interface Arrival {
        /// The last message has come: from now on the migration cannot be called off from outside.
        ///
        /// @return false if it was
        boolean isExpected();

        /// All is here, the machine is restored and paused: commits the take-over, resumes.
        ///
        /// @param pausedNanos how long the guest had been paused when the source sent it
        /// @throws IOException if this host did not become the owner, and never will by this call
        void complete(long pausedNanos) throws IOException;

        /// The source gave up before that.
        void aborted(String reason);

        /// What has come is no migration of this machine: nothing of it is to be kept.
        void broken(String reason);
    }

    /// A guest that was paused for longer than its source waits for answers was not.
    private static final long PAUSED_NANOS_MAX = 3_600_000_000_000L;

    private static final Logger log = LoggerFactory.getLogger(IncomingMachine.class);
    private static final ByteBuffer ZERO_PAGE =
            ByteBuffer.allocateDirect(GuestMemory.PAGE_BYTES).asReadOnlyBuffer();

    private enum Stage {
        EMPTY,
        FILLING,
        OVER
    }

    private final Migration migration;
    private final Machine machine;
    private final GuestMemory memory;
    private final Arrival arrival;
    private final Clock clock;
    private final Loop loop;
    private Stage stage = Stage.EMPTY;
    private volatile boolean closed;

    /// @param machine is off, and stays the caller's
    public IncomingMachine(Migration migration, Machine machine, Arrival arrival, Clock clock) {
        this.migration = migration;
        this.machine = machine;
        this.arrival = arrival;
        this.clock = clock;
        memory = machine.memory();
        loop = new Loop("migration-in " + migration.vm());
    }

    /// The task it waits for.
    public Migration migration() {
        return migration;
    }

    /// A message that names this migration has come; any thread.
    public void onMessage(MigrationMessage message, Caller caller) {
        if (closed) {
            refuse(caller, "this migration is over");
            return;
        }
        loop.execute(() -> handle(message, caller));
    }

    private void handle(MigrationMessage message, Caller caller) {
        if (closed || stage == Stage.OVER) {
            refuse(caller, "this migration is over");
            return;
        }
        try {
            carryOut(message, caller);
        } catch (GuestFault e) {
            breach(caller, "a page outside of the RAM: " + e.getMessage());
        } catch (RuntimeException | AssertionError e) {
            log.error("{}: a message could not be carried out", migration.vm(), e);
            breach(caller, e.toString());
        }
    }

    private void carryOut(MigrationMessage message, Caller caller) {
        switch (message) {
            case MigrationMessage.Begin begin -> begin(begin, caller);
            case MigrationMessage.Pages pages -> {
                if (isFilling(caller)) {
                    write(pages);
                    caller.reply(new MigrationMessage.Taken(migration.id()));
                }
            }
            case MigrationMessage.ZeroPages zero -> {
                if (isFilling(caller)) {
                    for (long page : zero.pages()) {
                        memory.write(addressOf(page), ZERO_PAGE.duplicate());
                    }
                    caller.reply(new MigrationMessage.Taken(migration.id()));
                }
            }
            case MigrationMessage.Complete complete -> {
                if (isFilling(caller)) {
                    complete(complete, caller);
                }
            }
            case MigrationMessage.Abort abort -> {
                stage = Stage.OVER;
                arrival.aborted(abort.reason());
            }
            case MigrationMessage.Taken _,
                    MigrationMessage.Committed _,
                    MigrationMessage.NotCommitted _ ->
                    breach(caller, "an answer is no request");
        }
    }

    private void begin(MigrationMessage.Begin begin, Caller caller) {
        if (begin.memoryBytes() != memory.sizeBytes()
                || begin.epoch() != migration.epoch()
                || !begin.vm().equals(migration.vm())) {
            refuse(
                    caller,
                    "prepared for '%s' with %d bytes of RAM in epoch %d, not for '%s' with %d in %d"
                            .formatted(
                                    migration.vm(),
                                    memory.sizeBytes(),
                                    migration.epoch(),
                                    begin.vm(),
                                    begin.memoryBytes(),
                                    begin.epoch()));
            return;
        }
        if (stage != Stage.EMPTY) {
            breach(caller, "it begins twice");
            return;
        }
        stage = Stage.FILLING;
        caller.reply(new MigrationMessage.Taken(migration.id()));
    }

    private boolean isFilling(Caller caller) {
        if (stage != Stage.FILLING) {
            breach(caller, "it goes on without a begin");
        }
        return stage == Stage.FILLING;
    }

    private void write(MigrationMessage.Pages pages) {
        ByteBuffer content = pages.content().duplicate();
        for (int i = 0; i < pages.pages().length; i++) {
            content.limit((i + 1) * GuestMemory.PAGE_BYTES).position(i * GuestMemory.PAGE_BYTES);
            memory.write(addressOf(pages.pages()[i]), content);
        }
    }

    /// A page number whose address does not fit into 64 bits must not come round to one that is
    /// RAM.
    private static long addressOf(long page) {
        long address = page << GuestMemory.PAGE_SHIFT;
        if (address >>> GuestMemory.PAGE_SHIFT != page) {
            throw new GuestFault(page, GuestMemory.PAGE_BYTES);
        }
        return address;
    }

    private void complete(MigrationMessage.Complete complete, Caller caller) {
        long startNanos = clock.nowNanos();
        if (complete.pausedNanos() < 0 || complete.pausedNanos() > PAUSED_NANOS_MAX) {
            breach(caller, "a pause of %d ns".formatted(complete.pausedNanos()));
            return;
        }
        stage = Stage.OVER;
        if (!arrival.isExpected()) {
            refuse(caller, "the migration was called off");
            return;
        }
        try {
            var state = new byte[complete.state().remaining()];
            complete.state().duplicate().get(state);
            MachineSnapshot.restore(machine, state);
        } catch (IOException e) {
            breach(caller, String.valueOf(e.getMessage()));
            return;
        }
        try {
            long restoredNanos = clock.nowNanos() - startNanos;
            arrival.complete(complete.pausedNanos() + restoredNanos);
        } catch (IOException | RuntimeException | AssertionError e) {
            log.warn("{}: not taken over: {}", migration.vm(), e.toString());
            refuse(caller, String.valueOf(e.getMessage()));
            return;
        }
        caller.reply(new MigrationMessage.Committed(migration.id(), clock.nowNanos() - startNanos));
    }

    /// A word that a sound source may hear.
    private void refuse(Caller caller, String reason) {
        caller.reply(new MigrationMessage.NotCommitted(migration.id(), reason));
    }

    /// A message that no sound source sends.
    private void breach(Caller caller, String reason) {
        stage = Stage.OVER;
        arrival.broken(reason);
        caller.garbage(reason);
    }

    /// Takes no more; what has come already is answered.
    @Override
    public void close() {
        closed = true;
        loop.execute(loop::close);
    }
}
