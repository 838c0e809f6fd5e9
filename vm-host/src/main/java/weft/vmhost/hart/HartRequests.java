package weft.vmhost.hart;

import org.jspecify.annotations.Nullable;

import weft.vmhost.memory.HostMemory;

import java.util.concurrent.locks.LockSupport;

/// What other threads ask of a running hart, and how they get its attention.
///
/// A hart looks here at least once per quantum of instructions. A requester sets its bit, then ends
/// the quantum by setting the budget's end to zero, then unparks. The hart sets a new end first and
/// reads the bits afterwards, so that a request is either seen at once or ends the quantum that
/// overlooked it.
final class HartRequests {
    static final int STOP = 1;
    static final int DROP_WRITE_TAGS = 2;
    static final int FLUSH_TRANSLATIONS = 4;
    static final int FENCE_INSTRUCTIONS = 8;

    /// Host address of the bits: machine code of our own looks there too.
    private final long bitsAddress;

    private final long budgetEndAddress;
    private volatile boolean executing;
    private volatile @Nullable Thread thread;

    HartRequests(long window) {
        bitsAddress = window + HartWindow.REQUESTS;
        budgetEndAddress = window + HartWindow.BUDGET_END;
    }

    long budgetEnd() {
        return HostMemory.getVolatile(budgetEndAddress, 8);
    }

    void setBudgetEnd(long end) {
        HostMemory.putVolatile(budgetEndAddress, 8, end);
    }

    void ask(int request) {
        int bits;
        do {
            bits = bits();
        } while (!HostMemory.compareAndSetInt(bitsAddress, bits, bits | request));
        alert();
    }

    /// Ends the quantum and the sleep, without a request of its own (an interrupt is pending).
    void alert() {
        setBudgetEnd(0);
        Thread sleeper = thread;
        if (sleeper != null) {
            LockSupport.unpark(sleeper);
        }
    }

    boolean isAsked(int request) {
        return (bits() & request) != 0;
    }

    /// Takes the requests of this mask; the hart answers them before its next instruction.
    int take(int mask) {
        int bits = bits();
        while ((bits & mask) != 0
                && !HostMemory.compareAndSetInt(bitsAddress, bits, bits & ~mask)) {
            bits = bits();
        }
        return bits & mask;
    }

    private int bits() {
        return (int) HostMemory.getVolatile(bitsAddress, 4);
    }

    void enter(Thread current) {
        thread = current;
    }

    boolean isOwnThread() {
        return Thread.currentThread() == thread;
    }

    void leave() {
        executing = false;
        thread = null;
    }

    /// While false, the hart executes nothing, and looks at its requests before it does so again.
    void setExecuting(boolean executing) {
        this.executing = executing;
    }

    /// Waits until the hart has answered the request, or executes nothing and so cannot violate it.
    void awaitAnswer(int request) {
        while (executing && isAsked(request)) {
            Thread.onSpinWait();
            LockSupport.parkNanos(20_000);
        }
    }
}
