package weft.vmhost.agent;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.fabric.FabricImage;
import weft.fabric.Migration;
import weft.fabric.NodePresence;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.runtime.Pause;
import weft.vmhost.machine.Machine;
import weft.vmhost.migration.IncomingMachine;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/// A VM that is on its way here: an empty machine, NICs in standby, disks read but not held. The
/// last message of the source makes it commit; the commit alone decides.
final class ArrivingVm implements IncomingMachine.Arrival {
    private static final Logger log = LoggerFactory.getLogger(ArrivingVm.class);

    /// ZooKeeper's answer to the commit may be lost: then the record is read until it can be. The
    /// VM stays paused on both sides for so long.
    private static final int READ_BACK_MILLIS = 200;

    /// WAITING → COMPLETING (the last message) → arrived or DROPPED; WAITING → DROPPING (called
    /// off) → DROPPED. Dropped means that its memory, ports and disks are given back.
    private enum Stage {
        WAITING,
        COMPLETING,
        DROPPING,
        DROPPED
    }

    /// The VM runs here.
    record Arrived(ArrivingVm vm, long epoch) {}

    private final HostParts host;
    private final Claims claims;
    private final FabricImage image;
    private final VmSpec spec;
    private final Migration migration;
    private final RunningVm running;
    private final Consumer<Arrived> listener;
    private final IncomingMachine incoming;
    private final AtomicReference<Stage> stage = new AtomicReference<>(Stage.WAITING);
    private volatile Optional<String> breach = Optional.empty();

    /// The VM's thread's.
    private boolean published;

    private ArrivingVm(
            HostParts host,
            Claims claims,
            FabricImage image,
            VmSpec spec,
            Migration migration,
            RunningVm running,
            Consumer<Arrived> listener) {
        this.host = host;
        this.claims = claims;
        this.image = image;
        this.spec = spec;
        this.migration = migration;
        this.running = running;
        this.listener = listener;
        incoming = new IncomingMachine(migration, running.machine(), this, host.clock());
    }

    /// Builds what the VM will run in, and says so in the migration's record.
    static ArrivingVm prepare(
            HostParts host,
            Claims claims,
            FabricImage image,
            VmSpec spec,
            Migration migration,
            BootFiles bootFiles,
            Machine.Listener machineListener,
            Consumer<Arrived> listener)
            throws IOException {
        RunningVm running = null;
        try {
            RunningVm.reachDisks(host, image, spec);
            running = RunningVm.build(host, image, spec, bootFiles, machineListener);
            running.plug(RunningVm.Plugging.STANDBY);
            return new ArrivingVm(host, claims, image, spec, migration, running, listener);
        } catch (IOException | RuntimeException e) {
            if (running != null) {
                running.close();
            }
            Departure.conclude(
                    host.records(),
                    migration,
                    Migration.Phase.FAILED,
                    "%s cannot take it: %s".formatted(host.self(), e.getMessage()));
            throw new IOException("cannot prepare for its arrival: " + e.getMessage(), e);
        }
    }

    /// Lets the source begin; once said, does nothing. On the VM's thread.
    void publishPrepared() throws IOException {
        if (published) {
            return;
        }
        claims.announceNext(spec, host.self());
        var _ =
                host.records()
                        .update(
                                FabricPaths.migration(migration.vm()),
                                Migration.class,
                                now ->
                                        now.id().equals(migration.id())
                                                        && now.phase() == Migration.Phase.REQUESTED
                                                ? now.inPhase(Migration.Phase.PREPARED, "")
                                                : now);
        published = true;
    }

    VmSpec spec() {
        return spec;
    }

    Migration migration() {
        return migration;
    }

    IncomingMachine incoming() {
        return incoming;
    }

    RunningVm running() {
        return running;
    }

    /// Whether the source cannot go on: it is not alive.
    boolean isOrphaned() {
        return host.watcher().image().presence(NodePresence.Role.HOST, migration.from()).isEmpty();
    }

    /// Whether the record that this is prepared for is gone or over.
    boolean isObsolete(Optional<Migration> now) {
        return now.isEmpty()
                || !now.get().id().equals(migration.id())
                || now.get().phase() == Migration.Phase.FAILED
                || now.get().phase() == Migration.Phase.CANCELLED;
    }

    /// Whether it was thrown away, or failed after all had come.
    boolean isDropped() {
        return stage.get() == Stage.DROPPED;
    }

    /// Why what came could not be a migration of this VM, if so.
    Optional<String> breach() {
        return breach;
    }

    /// Throws away what was prepared; false if the VM is arriving just now.
    boolean drop() {
        if (stage.compareAndSet(Stage.WAITING, Stage.DROPPING)) {
            discard();
        } else if (stage.get() != Stage.DROPPED) {
            return false;
        }
        incoming.close();
        return true;
    }

    private void discard() {
        log.info("VM {}: will not arrive", spec.name());
        running.close();
        stage.set(Stage.DROPPED);
    }

    @Override
    public void aborted(String reason) {
        log.info("VM {}: the source gave up: {}", spec.name(), reason);
    }

    @Override
    public void broken(String reason) {
        breach = Optional.of(reason);
        if (stage.compareAndSet(Stage.WAITING, Stage.DROPPING)
                || stage.compareAndSet(Stage.COMPLETING, Stage.DROPPING)) {
            discard();
        }
    }

    @Override
    public boolean isExpected() {
        return stage.compareAndSet(Stage.WAITING, Stage.COMPLETING);
    }

    @Override
    public void complete(long pausedNanos) throws IOException {
        boolean arrived = false;
        try {
            arrive(pausedNanos);
            arrived = true;
        } finally {
            if (!arrived) {
                // If it failed after the commit, the VM is ours but does not run: as after a crash,
                // it is claimed again and booted. Not before its ports and disks are free.
                discard();
            }
        }
    }

    private void arrive(long pausedNanos) throws IOException {
        long startNanos = host.clock().nowNanos();
        Claims.Held held = commit();
        running.bindDisks(held.disks());
        running.activatePorts();
        long blackoutNanos = pausedNanos + host.clock().nowNanos() - startNanos;
        running.machine().resumeAfterBlackout(Duration.ofNanos(blackoutNanos));
        running.announce();
        log.info(
                "VM {}: arrived from {} in epoch {}",
                spec.name(),
                migration.from(),
                held.placement().epoch());
        listener.accept(new Arrived(this, held.placement().epoch()));
        // The first request to each group carries the new token; this only hastens it.
        Thread.ofVirtual().start(() -> running.raiseTokens(held.disks()));
    }

    private Claims.Held commit() throws IOException {
        try {
            return claims.takeOver(spec, migration)
                    .orElseThrow(() -> new IOException("the VM is not the source's any more"));
        } catch (IOException e) {
            // Refused, or the answer was lost: only the record knows.
            return readBack(e);
        }
    }

    private Claims.Held readBack(IOException failure) throws IOException {
        while (true) {
            try {
                Optional<VmPlacement> now =
                        host.records()
                                .find(FabricPaths.placement(spec.name()), VmPlacement.class)
                                .map(found -> found.noun());
                if (now.isEmpty()
                        || !host.self().equals(now.get().owner())
                        || now.get().epoch() != migration.epoch() + 1) {
                    throw new NotOurs(failure);
                }
                return claims.held(spec, now.get());
            } catch (NotOurs e) {
                throw failure;
            } catch (IOException e) {
                log.warn("VM {}: was it committed? {}", spec.name(), e.getMessage());
                Pause.millis(READ_BACK_MILLIS);
                if (Thread.currentThread().isInterrupted()) {
                    throw failure;
                }
            }
        }
    }

    /// The record says that the commit was not made. Should it land later all the same, this host
    /// owns a VM that it does not run, and claims and boots it as after a crash.
    private static final class NotOurs extends IOException {
        private static final long serialVersionUID = 1L;

        NotOurs(IOException cause) {
            super(cause);
        }
    }
}
