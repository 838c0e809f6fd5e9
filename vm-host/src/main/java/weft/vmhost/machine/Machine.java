package weft.vmhost.machine;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.runtime.BrokenInvariant;
import weft.runtime.Clock;
import weft.runtime.Loop;
import weft.vmhost.device.DeviceState;
import weft.vmhost.device.SerialConsole;
import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.Privilege;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.memory.PhysicalBus;
import weft.vmhost.virtio.balloon.VirtioBalloon;
import weft.vmhost.virtio.input.VirtioPowerButton;
import weft.vmhost.virtio.net.VirtioNet;
import weft.volume.VolumeException;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/// A RISC-V computer: harts on threads of their own, devices on one loop, RAM outside the heap.
///
/// Changes of power state are serialised by one lock and may come from any thread but the device
/// loop's and the harts'; what the guest itself asks for (poweroff, reboot) is carried out on a
/// thread made for it. Invariant: while the state is not Running, no hart thread exists, `time`
/// stands still and no device touches guest memory.
public final class Machine implements AutoCloseable {
    /// How long a pause waits for disk requests under way before it lets them travel as requests.
    public static final Duration DRAIN_PATIENCE = Duration.ofMillis(10);

    private static final Logger log = LoggerFactory.getLogger(Machine.class);

    /// Hears what happens in the machine; called on threads of the machine's, must not block and
    /// must not change the power state itself.
    public interface Listener {
        /// The guest switched off, rebooted, or a test program ended it.
        default void powerChanged(PowerState state) {}

        /// The guest has started anew.
        default void rebooted() {}

        /// A disk does not answer as it should; its requests wait.
        default void diskTrouble(int disk, VolumeException trouble) {}
    }

    /// What the guest asked for and has not been carried out yet.
    private enum GuestWish {
        POWER_OFF,
        REBOOT,
        FAIL
    }

    private final MachineSpec spec;
    private final Listener listener;
    private final GuestMemory memory;
    private final Optional<Determinism> determinism;
    private final GuestTime time;
    private final Loop loop;
    private final SerialConsole console = new SerialConsole();
    private final SerialConsole virtioConsole = new SerialConsole();
    private final EngineSet engines;
    private final List<HartThread> harts = new ArrayList<>();
    private final DeviceWorld world;
    private final Board board;
    private final ReentrantLock power = new ReentrantLock();
    private volatile PowerState state = new PowerState.Off();
    private volatile @Nullable GuestWish wish;
    private volatile int failCode;
    private boolean closed;

    /// Makes a machine that interprets; nothing runs yet.
    public Machine(MachineSpec spec, Clock clock, Listener listener) {
        this(spec, clock, EngineKind.INTERPRETER, listener);
    }

    /// Makes the machine; nothing runs yet.
    ///
    /// @param kind what executes the harts' instructions
    public Machine(MachineSpec spec, Clock clock, EngineKind kind, Listener listener) {
        this(spec, clock, kind.engines(), listener);
    }

    /// Makes the machine with engines of the caller's.
    public Machine(MachineSpec spec, Clock clock, EngineSet engines, Listener listener) {
        this.engines = engines;
        this.spec = spec;
        this.listener = listener;
        memory = new GuestMemory(MemoryLayout.RAM, spec.memoryBytes());
        loop = new Loop(spec.name() + "-devices");
        determinism =
                spec.options().deterministic()
                        ? Optional.of(new Determinism(loop, harts, this::timeNanos))
                        : Optional.empty();
        time = new GuestTime(determinism.map(Determinism::clock).orElse(clock));
        world =
                determinism
                        .<DeviceWorld>map(Determinism::world)
                        .orElseGet(() -> new HostWorld(loop));
        var bus = new PhysicalBus(memory);
        var finisher = new GuestFinisher();
        // A bare-metal program is its own firmware: its calls trap to it.
        boolean bare = BootLoader.entryPrivilege(spec.boot()) == Privilege.MACHINE;
        var sbi =
                bare ? null : new Sbi(new HartBoard(spec.name(), harts, finisher), console, memory);
        for (int id = 0; id < spec.harts(); id++) {
            var hart = new Hart(id, bus, time, sbi);
            Engine engine = engines.forHart().apply(hart);
            var exact = determinism.map(it -> it.execution(hart, engine, engines.exactQuantum()));
            Runnable execution = exact.orElse(() -> hart.run(engine));
            harts.add(new HartThread(hart, execution, finisher, spec.name() + "-hart" + id));
        }
        board =
                new Board(
                        spec,
                        bus,
                        world,
                        time,
                        console,
                        virtioConsole,
                        harts(),
                        finisher,
                        listener);
        determinism.ifPresent(it -> it.isolate(board, console, virtioConsole));
    }

    private long timeNanos() {
        return time.nanos();
    }

    /// What it was made of.
    public MachineSpec spec() {
        return spec;
    }

    /// Guest RAM.
    public GuestMemory memory() {
        return memory;
    }

    /// The guest's `time`.
    public GuestTime time() {
        return time;
    }

    /// The serial line.
    public SerialConsole console() {
        return console;
    }

    /// What executes its harts.
    public EngineSet engines() {
        return engines;
    }

    /// The line of the virtio console, where the machine has one.
    public SerialConsole virtioConsole() {
        return virtioConsole;
    }

    /// The balloon, where the machine has one.
    public Optional<VirtioBalloon> balloon() {
        return board.balloon();
    }

    /// The power button, where the machine has one.
    public Optional<VirtioPowerButton> powerButton() {
        return board.powerButton();
    }

    /// All harts, by id. Their registers are the harts' own while the machine runs.
    public List<Hart> harts() {
        return harts.stream().map(HartThread::hart).toList();
    }

    /// The NICs, in the order of the specification.
    public List<VirtioNet> nics() {
        return board.nics();
    }

    /// What it is doing.
    public PowerState state() {
        return state;
    }

    /// All state beside RAM, `time` and registers. Only while paused.
    public List<DeviceState> deviceStates() {
        List<DeviceState> states = new ArrayList<>(board.states());
        states.add(new HartStatuses(harts));
        return states;
    }

    /// Boots the guest. Does nothing if it is running or paused.
    ///
    /// @throws BootRefused if kernel, initramfs and memory do not go together
    public void start() {
        power.lock();
        try {
            requireOpen();
            if (state instanceof PowerState.Off || state instanceof PowerState.Failed) {
                boot();
                run();
            }
        } finally {
            power.unlock();
        }
    }

    /// Stops all harts at an instruction boundary, `time` and the devices. Disk requests have
    /// [#DRAIN_PATIENCE] to complete; those that do not stay in flight.
    ///
    /// @return what the machine is doing now: Paused, or Off if it was or the guest just went off
    public PowerState pause() {
        power.lock();
        try {
            requireOpen();
            if (state instanceof PowerState.Running) {
                halt();
                drain();
                // What the guest asked for with its last instruction is part of what it did.
                if (wish == GuestWish.POWER_OFF || wish == GuestWish.FAIL) {
                    carryOutWish();
                } else {
                    become(new PowerState.Paused());
                }
            }
            return state;
        } finally {
            power.unlock();
        }
    }

    /// A deterministic machine executes nothing beyond this count of instructions since power-on:
    /// there its state is the same in every run. The answer completes when it has come so far; it
    /// never does if the guest ends before, or sleeps for ever. The machine is not paused then, but
    /// [#pause] finds it at just this place.
    public CompletableFuture<Void> stopAt(long instructions) {
        return determinism
                .orElseThrow(() -> new IllegalStateException("only a deterministic machine stops"))
                .stopAt(instructions);
    }

    /// Goes on where [#pause] or a restore left off; `time` goes on from its captured value and the
    /// RTC jumps to now, unless the machine is deterministic.
    public void resume() {
        goOn(() -> {
            if (determinism.isEmpty()) {
                board.setClock();
            }
        });
    }

    /// Goes on after a move: `time` is further by the blackout that the source has measured, and
    /// the RTC keeps its distance to it.
    public void resumeAfterBlackout(Duration blackout) {
        goOn(() -> time.set(time.ticks() + Math.max(0, blackout.toNanos()) / 100));
    }

    private void goOn(Runnable setClock) {
        power.lock();
        try {
            requireOpen();
            if (state instanceof PowerState.Paused) {
                setClock.run();
                run();
                if (wish == GuestWish.REBOOT) {
                    carryOutWishLater();
                }
            }
        } finally {
            power.unlock();
        }
    }

    /// The reset button: the guest boots anew, from whatever state.
    public void reset() {
        power.lock();
        try {
            requireOpen();
            halt();
            boot();
            run();
        } finally {
            power.unlock();
        }
    }

    /// The power cable.
    public void powerOff() {
        power.lock();
        try {
            requireOpen();
            halt();
            board.reset();
            become(new PowerState.Off());
        } finally {
            power.unlock();
        }
    }

    /// The machine is to take over a captured state: harts are quiet, devices paused, RAM may be
    /// written. [#resume] or [#resumeAfterBlackout] lets it go.
    public void prepareRestore() {
        power.lock();
        try {
            requireOpen();
            if (!(state instanceof PowerState.Off)) {
                throw new IllegalStateException("a state goes into a machine that is off");
            }
            board.pause();
            become(new PowerState.Paused());
        } finally {
            power.unlock();
        }
    }

    /// `time` goes on from here. Only while paused.
    public void restoreTime(long ticks) {
        power.lock();
        try {
            if (!(state instanceof PowerState.Paused)) {
                throw new IllegalStateException("time is restored while paused, not " + state);
            }
            time.set(ticks);
        } finally {
            power.unlock();
        }
    }

    /// Ends the machine for good and gives its memory back. Volumes and switch ports stay the
    /// caller's.
    @Override
    public void close() {
        power.lock();
        try {
            if (closed) {
                return;
            }
            halt();
            board.reset();
            closed = true;
            state = new PowerState.Off();
        } finally {
            power.unlock();
        }
        loop.close();
        console.close();
        virtioConsole.close();
        memory.close();
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("machine " + spec.name() + " is closed");
        }
    }

    private void boot() {
        KernelLoader.Placement placement = BootLoader.place(spec.boot(), spec.memoryBytes());
        var seed = new byte[DeviceTree.SEED_BYTES];
        world.random(seed);
        byte[] tree = DeviceTree.of(spec, placement, board.slotsInUse(), seed);
        BootLoader.checkTree(tree);
        wish = null;
        memory.forgetAbsentPages();
        board.reset();
        BootLoader.load(memory, spec.boot(), placement, tree);
        board.setClock();
        if (spec.boot() instanceof FirmwareBoot firmware) {
            board.bootRom().burn(firmware.rom(placement));
        }
        for (HartThread thread : harts) {
            thread.reset(
                    BootLoader.entryPrivilege(spec.boot()),
                    placement.entry(),
                    placement.treeAddress());
            if (spec.boot() instanceof FirmwareBoot) {
                thread.hart().setX(12, FirmwareBoot.DYNAMIC_INFO);
            }
        }
    }

    private void run() {
        time.run();
        board.resume();
        become(new PowerState.Running());
        harts.forEach(HartThread::launch);
    }

    /// Brings harts, `time` and timers to a stand.
    private void halt() {
        harts.forEach(HartThread::requestStop);
        harts.forEach(HartThread::join);
        time.stop();
        board.stopTimers();
    }

    private void drain() {
        for (long waited = 0; !board.isIdle() && waited < DRAIN_PATIENCE.toMillis(); waited++) {
            settleLoop();
        }
        board.pause();
    }

    /// Lets the loop do what it has been given.
    private void settleLoop() {
        var done = new CountDownLatch(1);
        loop.schedule(Duration.ofMillis(1), done::countDown);
        try {
            if (!done.await(5, TimeUnit.SECONDS)) {
                throw new BrokenInvariant(spec.name() + ": the device loop hangs");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void become(PowerState next) {
        if (!next.equals(state)) {
            log.info("{}: {} → {}", spec.name(), state, next);
            state = next;
        }
    }

    private void wishFor(GuestWish wanted) {
        wish = wanted;
        // The guest does not see its call return: it would think that it had failed.
        harts.forEach(HartThread::requestStop);
        carryOutWishLater();
    }

    private void carryOutWishLater() {
        Thread.ofVirtual()
                .name(spec.name() + "-power")
                .start(() -> {
                    power.lock();
                    try {
                        if (!closed && state instanceof PowerState.Running) {
                            carryOutWish();
                        }
                    } finally {
                        power.unlock();
                    }
                });
    }

    private void carryOutWish() {
        GuestWish wanted = wish;
        if (wanted == null) {
            return;
        }
        wish = null;
        halt();
        switch (wanted) {
            case REBOOT -> {
                boot();
                run();
                listener.rebooted();
            }
            case POWER_OFF -> {
                board.reset();
                become(new PowerState.Off());
                listener.powerChanged(state);
            }
            case FAIL -> {
                board.reset();
                become(new PowerState.Failed(failCode));
                listener.powerChanged(state);
            }
        }
    }

    /// The test device's side of power. On hart threads.
    private final class GuestFinisher implements weft.vmhost.device.TestDevice.Finisher {
        @Override
        public void powerOff() {
            wishFor(GuestWish.POWER_OFF);
        }

        @Override
        public void reboot() {
            wishFor(GuestWish.REBOOT);
        }

        @Override
        public void fail(int code) {
            failCode = code;
            wishFor(GuestWish.FAIL);
        }
    }
}
