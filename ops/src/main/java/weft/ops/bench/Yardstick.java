package weft.ops.bench;

import weft.runtime.BootClock;

/// A loop of dependent multiplications, of a form that no compiler can shorten: the speed of a core
/// at this moment, so that two reports of different hours or hosts can be compared.
public final class Yardstick {
    private static final int STEPS = 50_000_000;

    /// After a few calls the loop is compiled as a whole.
    private static final int WARMING_ROUNDS = 10;

    private long state = 1;

    /// Million steps per second.
    public double measure() {
        for (int i = 0; i < WARMING_ROUNDS; i++) {
            spin(STEPS / WARMING_ROUNDS);
        }
        long start = BootClock.SYSTEM.nowNanos();
        spin(STEPS);
        return STEPS * 1e3 / (BootClock.SYSTEM.nowNanos() - start);
    }

    private void spin(int steps) {
        long x = state;
        for (int i = 0; i < steps; i++) {
            x = (x ^ x >>> 29) * 6_364_136_223_846_793_005L + 1;
        }
        state = x;
    }
}
