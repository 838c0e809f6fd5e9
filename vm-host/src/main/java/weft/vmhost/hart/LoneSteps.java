package weft.vmhost.hart;

/// Which instructions of a hart run alone: none, unless [ExactRun] asks for it. Belongs to the
/// hart's thread.
final class LoneSteps {
    private static final Trap DEVICE_AHEAD = new Trap(-1, 0);

    private final HartRequests requests;
    private boolean devicesAlone;
    private boolean deviceAhead;
    private boolean stepping;

    LoneSteps(HartRequests requests) {
        this.requests = requests;
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

    /// Whether this is no trap: nothing has happened, and the instruction at the pc is to run
    /// alone.
    boolean takesBack(Trap trap) {
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
