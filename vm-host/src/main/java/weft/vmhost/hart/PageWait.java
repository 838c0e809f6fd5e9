package weft.vmhost.hart;

import weft.vmhost.memory.GuestMemory;

import java.util.concurrent.locks.LockSupport;

/// A hart's wait for a page of RAM whose content has not come yet.
///
/// Where an instruction meets such a page it gives up, as with a trap, before it has changed
/// anything: from a TLB miss, so that a hit need not ask. The hart comes back to its loop, waits
/// here and executes the instruction again. As it stands between two instructions meanwhile, it can
/// be stopped, and answers what other harts ask of it; interrupts find it when the page has come.
/// Belongs to the hart's thread.
final class PageWait {
    /// Thrown like a trap, and taken back by [LoneSteps#takesBack].
    static final Trap PAGE_AHEAD = new Trap(-1, 0);

    private static final long NONE = -1;

    private final HartRequests requests;
    private final GuestMemory memory;

    /// The page that the instruction needs; also written by whoever brings it.
    private volatile long awaited = NONE;

    /// Whether the last instruction was taken back for it.
    private boolean waits;

    PageWait(HartRequests requests, GuestMemory memory) {
        this.requests = requests;
        this.memory = memory;
    }

    Trap begin(long physical) {
        long page = physical & -GuestMemory.PAGE_BYTES;
        waits = true;
        // If it is known, it has been asked for already: the instruction was tried again.
        if (awaited != page) {
            awaited = page;
            memory.whenPresent(page, 1, () -> arrived(page));
        }
        return PAGE_AHEAD;
    }

    private void arrived(long page) {
        if (awaited == page) {
            awaited = NONE;
        }
        requests.alert();
    }

    void await() {
        if (!waits) {
            return;
        }
        waits = false;
        requests.setExecuting(false);
        while (awaited != NONE && !requests.isAsked(-1)) {
            LockSupport.park(this);
        }
        requests.setExecuting(true);
    }
}
