package weft.vmhost.migration;

import weft.fabric.Migration;
import weft.runtime.Clock;
import weft.runtime.Loop;
import weft.runtime.Owned;
import weft.transport.Caller;
import weft.vmhost.memory.GuestFault;
import weft.vmhost.memory.GuestMemory;
import weft.wire.migration.MigrationMessage;

import java.io.IOException;
import java.nio.ByteBuffer;

/// The destination's side of one migration: an empty machine that is filled by messages and started
/// by the last one. Its loop may block: it commits to ZooKeeper and opens disks.
@Owned("its own loop, one per incoming machine")
public final class IncomingMachine implements AutoCloseable {
    /// What becomes of the machine here.
    public interface Arrival {
        /// All is here: restores the state, commits the take-over, resumes.
        ///
        /// @param pausedNanos how long the guest had been paused when the source sent it
        /// @throws IOException if this host did not become the owner, and never will by this call
        void complete(ByteBuffer state, long pausedNanos) throws IOException;

        /// The source gave up before that.
        void aborted(String reason);
    }

    private static final ByteBuffer ZERO_PAGE =
            ByteBuffer.allocateDirect(GuestMemory.PAGE_BYTES).asReadOnlyBuffer();

    private final Migration migration;
    private final GuestMemory memory;
    private final Arrival arrival;
    private final Clock clock;
    private final Loop loop;
    private boolean over;

    public IncomingMachine(Migration migration, GuestMemory memory, Arrival arrival, Clock clock) {
        this.migration = migration;
        this.memory = memory;
        this.arrival = arrival;
        this.clock = clock;
        loop = new Loop("migration-in " + migration.vm());
    }

    /// The task it waits for.
    public Migration migration() {
        return migration;
    }

    /// A message that names this migration has come; any thread.
    public void onMessage(MigrationMessage message, Caller caller) {
        loop.execute(() -> handle(message, caller));
    }

    private void handle(MigrationMessage message, Caller caller) {
        if (over) {
            caller.reply(
                    new MigrationMessage.NotCommitted(migration.id(), "this migration is over"));
            return;
        }
        switch (message) {
            case MigrationMessage.Begin begin -> begin(begin, caller);
            case MigrationMessage.Pages pages -> {
                try {
                    write(pages);
                    caller.reply(new MigrationMessage.Taken(migration.id()));
                } catch (GuestFault e) {
                    refuse(caller, "a page outside of the RAM: " + e.getMessage());
                }
            }
            case MigrationMessage.ZeroPages zero -> {
                try {
                    for (long page : zero.pages()) {
                        memory.write(page << GuestMemory.PAGE_SHIFT, ZERO_PAGE.duplicate());
                    }
                    caller.reply(new MigrationMessage.Taken(migration.id()));
                } catch (GuestFault e) {
                    refuse(caller, "a page outside of the RAM: " + e.getMessage());
                }
            }
            case MigrationMessage.Complete complete -> complete(complete, caller);
            case MigrationMessage.Abort abort -> {
                over = true;
                arrival.aborted(abort.reason());
            }
            case MigrationMessage.Taken _,
                    MigrationMessage.Committed _,
                    MigrationMessage.NotCommitted _ ->
                    refuse(caller, "an answer is no request");
        }
    }

    private void begin(MigrationMessage.Begin begin, Caller caller) {
        if (begin.memoryBytes() != memory.sizeBytes() || begin.epoch() != migration.epoch()) {
            refuse(
                    caller,
                    "prepared for %d bytes of RAM in epoch %d, not for %d in %d"
                            .formatted(
                                    memory.sizeBytes(),
                                    migration.epoch(),
                                    begin.memoryBytes(),
                                    begin.epoch()));
            return;
        }
        caller.reply(new MigrationMessage.Taken(migration.id()));
    }

    private void write(MigrationMessage.Pages pages) {
        ByteBuffer content = pages.content().duplicate();
        for (int i = 0; i < pages.pages().length; i++) {
            content.limit((i + 1) * GuestMemory.PAGE_BYTES).position(i * GuestMemory.PAGE_BYTES);
            memory.write(pages.pages()[i] << GuestMemory.PAGE_SHIFT, content);
        }
    }

    private void complete(MigrationMessage.Complete complete, Caller caller) {
        long startNanos = clock.nowNanos();
        over = true;
        try {
            arrival.complete(complete.state(), complete.pausedNanos());
        } catch (IOException | RuntimeException e) {
            caller.reply(
                    new MigrationMessage.NotCommitted(
                            migration.id(), String.valueOf(e.getMessage())));
            return;
        }
        caller.reply(new MigrationMessage.Committed(migration.id(), clock.nowNanos() - startNanos));
    }

    private void refuse(Caller caller, String reason) {
        caller.reply(new MigrationMessage.NotCommitted(migration.id(), reason));
    }

    @Override
    public void close() {
        loop.close();
    }
}
