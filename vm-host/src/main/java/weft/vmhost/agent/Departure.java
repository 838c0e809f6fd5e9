package weft.vmhost.agent;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.fabric.Migration;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.runtime.Pause;
import weft.transport.PeerConnection;
import weft.vmhost.machine.PowerState;
import weft.vmhost.migration.MigrationSource;

import java.io.IOException;
import java.util.Optional;
import java.util.OptionalLong;

/// A VM that leaves this host: runs the source's side of its migration, keeps the record up to
/// date, and in doubt asks the records who owns the VM. Runs on the VM's thread.
final class Departure implements MigrationSource.Journal {
    private static final Logger log = LoggerFactory.getLogger(Departure.class);
    private static final long REPORT_NANOS = 250_000_000;
    private static final int RETRY_MILLIS = 200;

    private final HostParts host;
    private final Claims claims;
    private final RunningVm vm;
    private final Migration migration;
    private final long startNanos;
    private long reportedAtNanos;

    Departure(HostParts host, Claims claims, RunningVm vm, Migration migration) {
        this.host = host;
        this.claims = claims;
        this.vm = vm;
        this.migration = migration;
        startNanos = host.clock().nowNanos();
        reportedAtNanos = startNanos - REPORT_NANOS;
    }

    /// Where the VM is afterwards.
    sealed interface Result {
        /// @param epoch in which this host owns it now
        record Stayed(long epoch) implements Result {}

        record Gone() implements Result {}
    }

    Result run() throws IOException {
        Optional<PeerConnection> destination = host.hosts().to(migration.to());
        if (destination.isEmpty() || !advance(Migration.Phase.PREPARED, Migration.Phase.COPYING)) {
            conclude(
                    host.records(), migration, Migration.Phase.FAILED, "no way to the destination");
            return new Result.Stayed(migration.epoch());
        }
        claims.report(
                migration.vm(), VmPlacement.State.MIGRATING, "migrating to " + migration.to());
        var source = new MigrationSource(migration, vm, destination.get(), this, host.clock());
        return switch (source.run()) {
            case MigrationSource.Outcome.Moved(var sentBytes, var pauseNanos) ->
                    moved(sentBytes, pauseNanos);
            case MigrationSource.Outcome.CalledOff(var reason) -> calledOff(reason);
            case MigrationSource.Outcome.InDoubt(var reason) -> resolve(reason);
        };
    }

    private Result moved(long sentBytes, long pauseNanos) {
        vm.leaveTombstones(migration.to(), migration.epoch() + 1);
        long tookNanos = host.clock().nowNanos() - startNanos;
        log.info(
                "VM {}: moved to {}, {} bytes sent, paused {} ms",
                migration.vm(),
                migration.to(),
                sentBytes,
                pauseNanos / 1_000_000);
        try {
            var _ =
                    host.records()
                            .update(
                                    FabricPaths.migration(migration.vm()),
                                    Migration.class,
                                    now ->
                                            now.id().equals(migration.id())
                                                    ? now.withProgress(now.round(), sentBytes, 0)
                                                            .done(
                                                                    pauseNanos / 1_000_000,
                                                                    tookNanos / 1_000_000)
                                                    : now);
        } catch (IOException e) {
            log.warn(
                    "VM {}: moved, but its record says not yet: {}",
                    migration.vm(),
                    e.getMessage());
        }
        return new Result.Gone();
    }

    private Result calledOff(String reason) throws IOException {
        log.warn("VM {}: stays: {}", migration.vm(), reason);
        claims.announceNext(vm.spec(), null);
        claims.report(migration.vm(), VmPlacement.State.RUNNING, "");
        conclude(host.records(), migration, Migration.Phase.FAILED, reason);
        return new Result.Stayed(migration.epoch());
    }

    /// The machine is paused and the destination may own it: only a compare-and-set can tell. While
    /// the records cannot be reached it stays paused.
    private Result resolve(String reason) {
        while (!Thread.currentThread().isInterrupted()) {
            try {
                OptionalLong epoch =
                        claims.keep(vm.spec(), migration.epoch(), "migration failed: " + reason);
                return epoch.isPresent() ? stay(epoch.getAsLong(), reason) : lose(reason);
            } catch (IOException e) {
                log.warn("VM {}: paused, its owner is unknown: {}", migration.vm(), e.getMessage());
                Pause.millis(RETRY_MILLIS);
            }
        }
        // The host ends without knowing: its record must not say that the VM moved.
        return new Result.Gone();
    }

    private Result lose(String reason) {
        vm.leaveTombstones(migration.to(), migration.epoch() + 1);
        concludeLater(Migration.Phase.DONE, reason);
        return new Result.Gone();
    }

    private Result stay(long epoch, String reason) {
        // A guest that switched itself off meanwhile stays off.
        if (vm.machine().state() instanceof PowerState.Paused) {
            vm.machine().resume();
        }
        log.warn("VM {}: stays, after a pause: {}", migration.vm(), reason);
        concludeLater(Migration.Phase.FAILED, reason);
        return new Result.Stayed(epoch);
    }

    /// The VM's fate is decided; that its record does not say so yet is mended by the next look at
    /// it.
    private void concludeLater(Migration.Phase phase, String reason) {
        try {
            conclude(host.records(), migration, phase, reason);
        } catch (IOException e) {
            log.warn("VM {}: the migration's record is old: {}", migration.vm(), e.getMessage());
        }
    }

    @Override
    public void progress(int round, long sentBytes, long remainingBytes) throws IOException {
        requireWantedRunning();
        long now = host.clock().nowNanos();
        if (now - reportedAtNanos < REPORT_NANOS) {
            return;
        }
        reportedAtNanos = now;
        Optional<Migration> record =
                host.records()
                        .update(
                                FabricPaths.migration(migration.vm()),
                                Migration.class,
                                old ->
                                        isOurs(old)
                                                ? old.withProgress(round, sentBytes, remainingBytes)
                                                : old);
        if (record.isEmpty() || !isOurs(record.get())) {
            throw new IOException("the migration was called off");
        }
    }

    /// A VM that is to stop moves nowhere, and what is left of the copy would have it wait.
    private void requireWantedRunning() throws IOException {
        VmSpec spec = host.watcher().image().vms().get(migration.vm());
        if (spec == null || spec.power() != VmSpec.Power.RUNNING) {
            throw new IOException("it is to stop");
        }
    }

    private boolean isOurs(Migration now) {
        return now.id().equals(migration.id()) && !now.phase().isOver();
    }

    @Override
    public void switching() throws IOException {
        requireWantedRunning();
        if (!advance(Migration.Phase.COPYING, Migration.Phase.SWITCHING)) {
            throw new IOException("the migration was called off");
        }
    }

    private boolean advance(Migration.Phase from, Migration.Phase to) throws IOException {
        Optional<Migration> record =
                host.records()
                        .update(
                                FabricPaths.migration(migration.vm()),
                                Migration.class,
                                now ->
                                        now.id().equals(migration.id()) && now.phase() == from
                                                ? now.inPhase(to, "")
                                                : now);
        return record.isPresent()
                && record.get().id().equals(migration.id())
                && record.get().phase() == to;
    }

    /// Ends a migration's record, unless it has ended otherwise.
    static void conclude(
            FabricRecords records, Migration migration, Migration.Phase phase, String why)
            throws IOException {
        var _ =
                records.update(
                        FabricPaths.migration(migration.vm()),
                        Migration.class,
                        now ->
                                now.id().equals(migration.id()) && !now.phase().isOver()
                                        ? now.inPhase(phase, why)
                                        : now);
    }
}
