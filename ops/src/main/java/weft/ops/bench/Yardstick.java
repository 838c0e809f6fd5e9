package weft.ops.bench;

import weft.runtime.BootClock;

/// A loop of dependent multiplications: the speed of a core at this moment, so that two reports of
/// different hours or hosts can be compared.
final class Yardstick {
    private static final int STEPS = 50_000_000;

    private long state = 1;

    /// Million steps per second.
    double measure() {
        spin(STEPS / 10);
        long start = BootClock.SYSTEM.nowNanos();
        spin(STEPS);
        return STEPS * 1e3 / (BootClock.SYSTEM.nowNanos() - start);
    }

    private void spin(int steps) {
        long x = state;
        for (int i = 0; i < steps; i++) {
            x = x * 6_364_136_223_846_793_005L + 1_442_695_040_888_963_407L;
        }
        state = x;
    }
}
