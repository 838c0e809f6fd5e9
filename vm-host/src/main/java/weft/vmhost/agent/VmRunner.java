package weft.vmhost.agent;

import static weft.fabric.NodePresence.Role.HOST;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.coordination.FabricPaths;
import weft.fabric.FabricImage;
import weft.fabric.Migration;
import weft.fabric.NodeId;
import weft.fabric.VmPlacement;
import weft.fabric.VmSpec;
import weft.runtime.Owned;
import weft.runtime.Pause;
import weft.vmhost.machine.Machine;
import weft.vmhost.machine.PowerState;
import weft.volume.VolumeException;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/// One VM on this host, and the thread that does for it one thing after the other:
///
/// ```text
///   Absent ──claim──► Here ──stop, guest off, taken over──► Absent
///     │                 └──migrated away──► Absent
///     └─prepare─► Arriving ──committed──► Here
///                    └──called off──► Absent
/// ```
///
/// It looks at the fabric's image whenever that changes, and twice a second; the image may lag, so
/// what decides is read again from the store before anything irrevocable is done.
@Owned("its own thread")
final class VmRunner implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(VmRunner.class);
    private static final int LOOK_AGAIN_MILLIS = 500;
    private static final int RETRY_MILLIS = 1000;

    /// How long a new owner leaves the word about the move to the source, which knows the figures.
    private static final long SOURCE_PATIENCE_NANOS = 3_000_000_000L;

    /// What of the VM is on this host.
    private sealed interface Local {
        record Absent() implements Local {}

        /// @param epoch of this host's ownership
        /// @param resets of the spec that have been carried out
        /// @param cuts of the spec before this life
        record Here(RunningVm vm, long epoch, long resets, long cuts) implements Local {}

        record Arriving(ArrivingVm vm) implements Local {}
    }

    private static final Runnable LOOK = () -> {};

    private final String name;
    private final HostParts host;
    private final Claims claims;
    private final BootFiles bootFiles;
    private final Arrivals arrivals;
    private final BlockingQueue<Runnable> events = new LinkedBlockingQueue<>();
    private final Thread thread;
    private volatile @Nullable RunningVm current;
    private Local local = new Local.Absent();
    private long hereSinceNanos;
    private PoliteStop politeStop = new PoliteStop();
    private volatile boolean closing;

    VmRunner(String name, HostParts host, Claims claims, BootFiles bootFiles, Arrivals arrivals) {
        this.name = name;
        this.host = host;
        this.claims = claims;
        this.bootFiles = bootFiles;
        this.arrivals = arrivals;
        thread = Thread.ofVirtual().name("vm " + name).unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    /// The fabric's image has changed; any thread.
    void look() {
        events.add(LOOK);
    }

    /// The machine, while the VM is here; any thread.
    Optional<Machine> machine() {
        return Optional.ofNullable(current).map(RunningVm::machine);
    }

    /// Whether there is nothing to do for this VM on this host.
    boolean isIdle() {
        return local instanceof Local.Absent && events.isEmpty();
    }

    private void run() {
        while (!closing) {
            try {
                Runnable event = events.poll(LOOK_AGAIN_MILLIS, TimeUnit.MILLISECONDS);
                while (event != null && !closing) {
                    event.run();
                    event = events.poll();
                }
                reconcile();
            } catch (IOException e) {
                log.warn("VM {}: {}; trying again", name, e.getMessage());
                Pause.millis(RETRY_MILLIS);
            } catch (InterruptedException e) {
                break;
            } catch (RuntimeException e) {
                log.error("VM {}: unexpected; trying again", name, e);
                Pause.millis(RETRY_MILLIS);
            }
        }
        shutDown();
    }

    private void become(Local next) {
        log.debug("VM {}: {} → {}", name, local, next);
        if (!(local instanceof Local.Here)) {
            hereSinceNanos = host.clock().nowNanos();
        }
        local = next;
        politeStop = new PoliteStop();
        RunningVm before = current;
        current = next instanceof Local.Here here ? here.vm() : null;
        if (before != current) {
            host.meters().replace(name, machine());
        }
    }

    private void reconcile() throws IOException {
        FabricImage image = host.watcher().image();
        VmSpec spec = image.vms().get(name);
        Optional<Migration> migration = Optional.ofNullable(image.migrations().get(name));
        switch (local) {
            case Local.Absent _ -> {
                if (spec != null) {
                    reconcileAbsent(image, spec, migration);
                }
            }
            case Local.Here here -> reconcileHere(image, spec, here, migration);
            case Local.Arriving arriving -> {
                if (arriving.vm().isOrphaned()) {
                    Departure.conclude(
                            host.records(),
                            arriving.vm().migration(),
                            Migration.Phase.FAILED,
                            "the source is gone");
                }
                Optional<String> breach = arriving.vm().breach();
                if (breach.isPresent()) {
                    Departure.conclude(
                            host.records(),
                            arriving.vm().migration(),
                            Migration.Phase.FAILED,
                            breach.get());
                }
                boolean over = arriving.vm().isDropped() || arriving.vm().isObsolete(migration);
                if (!over) {
                    arriving.vm().publishPrepared();
                } else if (arriving.vm().drop()) {
                    arrivals.remove(arriving.vm());
                    become(new Local.Absent());
                    claims.withdrawNext(arriving.vm().spec());
                }
            }
        }
    }

    private void reconcileAbsent(FabricImage image, VmSpec spec, Optional<Migration> migration)
            throws IOException {
        VmPlacement placement = image.placements().get(name);
        if (placement == null) {
            return;
        }
        if (migration.isPresent()
                && migration.get().to().equals(host.self())
                && migration.get().phase() == Migration.Phase.REQUESTED
                && spec.power() == VmSpec.Power.RUNNING
                && RunningVm.isDescribed(image, spec)) {
            prepareArrival(image, spec, migration.get());
            return;
        }
        boolean meantForUs = host.self().equals(placement.host());
        boolean free = placement.owner() == null || host.self().equals(placement.owner());
        if (spec.power() == VmSpec.Power.RUNNING
                && meantForUs
                && free
                && placement.state() != VmPlacement.State.FAILED) {
            startHere(image);
        } else if (spec.power() != VmSpec.Power.RUNNING && host.self().equals(placement.owner())) {
            // This host ran it before it crashed, and it was stopped meanwhile.
            claims.release(spec, VmPlacement.State.STOPPED, "");
        }
    }

    private void startHere(FabricImage image) throws IOException {
        // The image may lag behind a stop: what a person wants is read again.
        Optional<VmSpec> wanted =
                host.records().find(FabricPaths.vm(name), VmSpec.class).map(found -> found.noun());
        if (wanted.isEmpty() || wanted.get().power() != VmSpec.Power.RUNNING) {
            return;
        }
        VmSpec spec = wanted.get();
        if (!RunningVm.isDescribed(image, spec)) {
            return;
        }
        Optional<Claims.Held> held = claims.claim(spec);
        if (held.isEmpty()) {
            return;
        }
        log.info("VM {}: claimed in epoch {}", name, held.get().placement().epoch());
        RunningVm vm = null;
        try {
            vm = RunningVm.build(host, image, spec, bootFiles, new Listener());
            vm.raiseTokens(held.get().disks());
            vm.bindDisks(held.get().disks());
            vm.plug(RunningVm.Plugging.ACTIVE);
            vm.machine().start();
        } catch (IOException | RuntimeException e) {
            if (vm != null) {
                vm.close();
            }
            log.warn("VM {}: cannot start: {}", name, e.getMessage());
            claims.release(spec, VmPlacement.State.FAILED, String.valueOf(e.getMessage()));
            return;
        }
        become(new Local.Here(vm, held.get().placement().epoch(), spec.resets(), spec.cuts()));
        claims.report(name, VmPlacement.State.RUNNING, "");
    }

    private void reconcileHere(
            FabricImage image,
            @Nullable VmSpec spec,
            Local.Here here,
            Optional<Migration> migration)
            throws IOException {
        VmPlacement placement = image.placements().get(name);
        if (placement != null
                && placement.epoch() > here.epoch()
                && !host.self().equals(placement.owner())) {
            NodeId owner = placement.owner();
            abandon(here, owner == null ? placement.detail() : "it is " + owner + "'s now");
            return;
        }
        boolean runsOn = spec != null && spec.power() == VmSpec.Power.RUNNING;
        if (!runsOn && migration.isPresent()) {
            callOff(here, migration.get());
        }
        if (spec == null || spec.cuts() > here.cuts()) {
            stop(here, "");
            return;
        }
        long nowNanos = host.clock().nowNanos();
        if (!runsOn && politeStop.isOver(here.vm()::pressPowerButton, nowNanos)) {
            stop(here, politeStop.isAsked() ? "it did not follow its power button" : "");
            return;
        }
        if (!runsOn) {
            return;
        }
        politeStop.callOff(nowNanos);
        if (spec.resets() > here.resets()) {
            log.info("VM {}: reset", name);
            here.vm().machine().reset();
            become(new Local.Here(here.vm(), here.epoch(), spec.resets(), here.cuts()));
            return;
        }
        if (migration.isPresent()) {
            reconcileMigration(here, migration.get());
        }
    }

    /// A VM that is to stop moves nowhere: whoever has prepared for it is told.
    private void callOff(Local.Here here, Migration migration) throws IOException {
        if (migration.from().equals(host.self()) && !migration.phase().isOver()) {
            claims.announceNext(here.vm().spec(), null);
            Departure.conclude(host.records(), migration, Migration.Phase.FAILED, "it is to stop");
        }
    }

    private void reconcileMigration(Local.Here here, Migration migration) throws IOException {
        if (migration.phase() == Migration.Phase.REQUESTED
                && migration.from().equals(host.self())
                && host.watcher().image().presence(HOST, migration.to()).isEmpty()) {
            Departure.conclude(
                    host.records(), migration, Migration.Phase.FAILED, "the destination is gone");
            return;
        }
        boolean ours = migration.from().equals(host.self()) && !migration.phase().isOver();
        boolean interrupted =
                migration.phase() == Migration.Phase.COPYING
                        || migration.phase() == Migration.Phase.SWITCHING
                        || migration.epoch() != here.epoch();
        if (ours && interrupted) {
            // A departure runs on this thread to its end: this one was cut short, or is of a life
            // before.
            claims.announceNext(here.vm().spec(), null);
            claims.report(name, VmPlacement.State.RUNNING, "");
            Departure.conclude(
                    host.records(), migration, Migration.Phase.FAILED, "it was interrupted");
            return;
        }
        if (!ours && isLeftOpen(here, migration)) {
            boolean arrived =
                    migration.to().equals(host.self())
                            && migration.phase() == Migration.Phase.SWITCHING;
            Departure.conclude(
                    host.records(),
                    migration,
                    arrived ? Migration.Phase.DONE : Migration.Phase.FAILED,
                    "its source did not say how it ended");
            return;
        }
        if (ours && migration.phase() == Migration.Phase.PREPARED) {
            var departure = new Departure(host, claims, here.vm(), migration);
            switch (departure.run()) {
                case Departure.Result.Stayed(var epoch) ->
                        become(new Local.Here(here.vm(), epoch, here.resets(), here.cuts()));
                case Departure.Result.Gone _ -> {
                    here.vm().close();
                    become(new Local.Absent());
                }
            }
        }
    }

    /// Whether this host owns the VM in an epoch after the move, and nobody ends the move's record.
    private boolean isLeftOpen(Local.Here here, Migration migration) {
        return !migration.phase().isOver()
                && here.epoch() > migration.epoch()
                && host.clock().nowNanos() - hereSinceNanos > SOURCE_PATIENCE_NANOS;
    }

    private void prepareArrival(FabricImage image, VmSpec spec, Migration migration)
            throws IOException {
        ArrivingVm vm =
                ArrivingVm.prepare(
                        host,
                        claims,
                        image,
                        spec,
                        migration,
                        bootFiles,
                        new Listener(),
                        arrived ->
                                events.add(() -> {
                                    arrivals.remove(arrived.vm());
                                    arrived.vm().incoming().close();
                                    become(
                                            new Local.Here(
                                                    arrived.vm().running(),
                                                    arrived.epoch(),
                                                    spec.resets(),
                                                    spec.cuts()));
                                    // It may have switched itself off before we looked.
                                    guestEnded(arrived.vm().running().machine().state());
                                }));
        arrivals.add(vm);
        become(new Local.Arriving(vm));
        vm.publishPrepared();
    }

    private void stop(Local.Here here, String detail) throws IOException {
        log.info("VM {}: stopping", name);
        here.vm().close();
        become(new Local.Absent());
        claims.release(here.vm().spec(), VmPlacement.State.STOPPED, detail);
    }

    /// Someone else owns the VM: it must not run here for another instruction.
    private void abandon(Local.Here here, String why) {
        log.warn("VM {}: abandoned: {}", name, why);
        here.vm().close();
        become(new Local.Absent());
    }

    /// Events of the machine become work of this thread.
    private final class Listener implements Machine.Listener {
        @Override
        public void powerChanged(PowerState state) {
            events.add(() -> guestEnded(state));
        }

        @Override
        public void diskTrouble(int disk, VolumeException trouble) {
            if (trouble.reason() == VolumeException.Reason.FENCED) {
                events.add(VmRunner.this::fenced);
            }
        }
    }

    private void guestEnded(PowerState state) {
        if (!(local instanceof Local.Here here)
                || here.vm().machine().state() instanceof PowerState.Running) {
            return;
        }
        String detail =
                switch (state) {
                    case PowerState.Failed(var code) when code < 0 ->
                            "a fault of this host's: see its log";
                    case PowerState.Failed(var code) -> "the guest failed with code " + code;
                    case PowerState.Off _, PowerState.Running _, PowerState.Paused _ ->
                            "switched off by the guest";
                };
        log.info("VM {}: {}", name, detail);
        // Who asked for it has said so in the spec, and may have changed their mind since.
        boolean asked = politeStop.isAsked();
        try {
            var _ =
                    host.records()
                            .update(
                                    FabricPaths.vm(name),
                                    VmSpec.class,
                                    now ->
                                            now.resets() > here.resets() || asked
                                                    ? now
                                                    : now.withPower(VmSpec.Power.STOPPED));
            stop(here, detail);
        } catch (IOException e) {
            log.warn("VM {}: {}; trying again", name, e.getMessage());
            events.add(() -> guestEnded(state));
            Pause.millis(RETRY_MILLIS);
        }
    }

    /// A storage node refuses our token: either the VM is not ours any more, or a person took its
    /// disk.
    private void fenced() {
        if (!(local instanceof Local.Here here)) {
            return;
        }
        try {
            Optional<NodeId> owner =
                    host.records()
                            .find(FabricPaths.placement(name), VmPlacement.class)
                            .flatMap(found -> Optional.ofNullable(found.noun().owner()));
            if (owner.isPresent() && owner.get().equals(host.self())) {
                here.vm().close();
                become(new Local.Absent());
                claims.release(
                        here.vm().spec(),
                        VmPlacement.State.FAILED,
                        "its disk was taken over by someone else");
            } else {
                abandon(here, "its disk is someone else's now");
            }
        } catch (IOException e) {
            log.warn("VM {}: {}; trying again", name, e.getMessage());
            events.add(this::fenced);
            Pause.millis(RETRY_MILLIS);
        }
    }

    /// The host is shutting down: the VM is switched off and nobody's, so that any host can start
    /// it.
    private void shutDown() {
        switch (local) {
            case Local.Absent _ -> {}
            case Local.Here here -> {
                here.vm().close();
                try {
                    claims.release(here.vm().spec(), VmPlacement.State.STOPPED, "host shut down");
                } catch (IOException e) {
                    log.warn("VM {}: {}", name, e.getMessage());
                }
            }
            case Local.Arriving arriving -> {
                var _ = arriving.vm().drop();
            }
        }
        become(new Local.Absent());
    }

    @Override
    public void close() {
        closing = true;
        events.add(LOOK);
        try {
            if (!thread.join(Duration.ofSeconds(20))) {
                log.warn("VM {}: still busy 20 s after its host began to shut down", name);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
