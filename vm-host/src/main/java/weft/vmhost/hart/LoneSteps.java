package weft.vmhost.hart;

import weft.vmhost.memory.GuestMemory;

/// Instructions that are taken back and begun again: those that need a page which has not come yet
/// ([PageWait]), and, where [ExactRun] asks for it, those that are to run alone. Belongs to the
/// hart's thread.
final class LoneSteps {
    private static final Trap DEVICE_AHEAD = new Trap(-1, 0);

    private final HartRequests requests;
    private final PageWait pageWait;
    private boolean devicesAlone;
    private boolean deviceAhead;
    private boolean stepping;

    LoneSteps(HartRequests requests, GuestMemory memory) {
        this.requests = requests;
        pageWait = new PageWait(requests, memory);
    }

    /// From now on instructions that access devices run alone.
    void setDevicesAlone() {
        devicesAlone = true;
    }

    boolean areDevicesAlone() {
        return devicesAlone;
    }

    /// An instruction is about to access a device. Thrown like a trap, and taken back by
    /// [#takesBack], if it does so together with others.
    void beforeDeviceAccess() {
        if (devicesAlone && !stepping) {
            throw DEVICE_AHEAD;
        }
    }

    /// What to throw where an instruction needs a page that has not come yet.
    Trap pageAhead(long physical) {
        return pageWait.begin(physical);
    }

    /// Waits for that page, until somebody asks something of the hart. Between instructions.
    void awaitPage() {
        pageWait.await();
    }

    /// Whether this is no trap: nothing has happened, and the instruction at the pc is to run
    /// again, or alone.
    boolean takesBack(Trap trap) {
        if (trap == PageWait.PAGE_AHEAD) {
            requests.setBudgetEnd(0);
            return true;
        }
        if (trap != DEVICE_AHEAD) {
            return false;
        }
        deviceAhead = true;
        requests.setBudgetEnd(0);
        return true;
    }

    /// Whether the next instruction has to run alone, as it accesses a device. Asks once.
    boolean takeDeviceAhead() {
        boolean ahead = deviceAhead;
        deviceAhead = false;
        return ahead;
    }

    /// Executes one instruction.
    void step(Hart hart, Engine engine) {
        stepping = true;
        requests.setBudgetEnd(Long.MAX_VALUE);
        if (!requests.isAsked(-1)) {
            engine.step(hart);
        }
        stepping = false;
    }

    /// An instruction has come to its end without being counted as retired.
    void completedUncounted() {
        if (stepping) {
            requests.setBudgetEnd(0);
        }
    }
}
