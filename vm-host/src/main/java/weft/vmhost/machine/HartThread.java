package weft.vmhost.machine;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.runtime.Niceness;
import weft.vmhost.device.TestDevice;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.Privilege;

import java.util.concurrent.locks.LockSupport;

/// A hart, the thread that executes it, and its HSM state (SBI 2.0, chapter 9).
///
/// ```
/// STOPPED ──hart_start──► START_PENDING ──own thread──► STARTED ──hart_stop──► STOPPED
/// ```
///
/// The thread exists only while the machine runs. Registers are touched by it alone; when it has
/// been stopped, by whoever stopped it.
final class HartThread {
    /// The code with which a machine fails by a fault of ours; those of guests are not negative.
    static final int CANNOT_GO_ON = -1;

    private static final Logger log = LoggerFactory.getLogger(HartThread.class);

    /// In the encoding of hart_get_status.
    enum Status {
        STARTED,
        STOPPED,
        START_PENDING
    }

    private record StartRequest(long address, long opaque) {}

    private final Hart hart;
    private final Runnable execution;
    private final TestDevice.Finisher finisher;
    private final String name;
    private volatile boolean stopWanted;
    private volatile Status status = Status.STOPPED;
    private @Nullable StartRequest startRequest;
    private volatile @Nullable Thread thread;

    /// @param execution executes the hart on the calling thread until it is asked to stop
    /// @param finisher ends the machine if the hart cannot go on
    HartThread(Hart hart, Runnable execution, TestDevice.Finisher finisher, String name) {
        this.hart = hart;
        this.execution = execution;
        this.finisher = finisher;
        this.name = name;
    }

    Hart hart() {
        return hart;
    }

    Status status() {
        return status;
    }

    /// As after a reset: at the entry; in S-mode all but the boot hart are stopped.
    void reset(Privilege privilege, long entry, long treeAddress) {
        assert thread == null;
        hart.reset(entry, privilege, hart.id(), treeAddress);
        boolean begins = hart.id() == 0 || privilege == Privilege.MACHINE;
        status = begins ? Status.STARTED : Status.STOPPED;
    }

    /// Takes over a status from a snapshot.
    void restoreStatus(Status restored) {
        assert thread == null;
        status = restored;
    }

    /// hart_start, from another hart's thread.
    ///
    /// @return false if the hart is not stopped
    synchronized boolean requestStart(long address, long opaque) {
        if (status != Status.STOPPED) {
            return false;
        }
        startRequest = new StartRequest(address, opaque);
        status = Status.START_PENDING;
        LockSupport.unpark(thread);
        return true;
    }

    /// hart_stop, on its own thread: takes effect when the engine returns.
    void stopSelf() {
        status = Status.STOPPED;
        hart.requestStop();
    }

    void launch() {
        assert thread == null;
        stopWanted = false;
        Thread launched = Thread.ofPlatform().name(name).daemon(true).unstarted(this::live);
        thread = launched;
        launched.start();
    }

    private void live() {
        Niceness.set(Niceness.GUEST);
        try {
            liveUntilStopped();
        } catch (RuntimeException | Error e) {
            // Without one of its harts a guest would wait for it for ever.
            log.error("{} cannot go on; the machine ends", name, e);
            finisher.fail(CANNOT_GO_ON);
        }
    }

    private void liveUntilStopped() {
        while (!stopWanted) {
            switch (status) {
                case STARTED -> execution.run();
                case START_PENDING -> takeStart();
                case STOPPED -> LockSupport.park(this);
            }
        }
    }

    private synchronized void takeStart() {
        StartRequest request = startRequest;
        if (request != null) {
            hart.reset(request.address(), Privilege.SUPERVISOR, hart.id(), request.opaque());
            startRequest = null;
        }
        status = Status.STARTED;
    }

    /// Asks the thread to come to an end at the next instruction boundary.
    void requestStop() {
        stopWanted = true;
        hart.requestStop();
        LockSupport.unpark(thread);
    }

    /// Waits for the end; afterwards a start that was asked for has taken place.
    void join() {
        Thread ending = thread;
        if (ending == null) {
            return;
        }
        boolean interrupted = false;
        while (ending.isAlive()) {
            try {
                ending.join();
            } catch (InterruptedException e) {
                // The registers may not be touched before it has ended.
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        thread = null;
        if (status == Status.START_PENDING) {
            takeStart();
        }
    }
}
