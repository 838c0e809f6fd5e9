package weft.vmhost.agent;

import org.jspecify.annotations.Nullable;

import java.util.function.BooleanSupplier;

/// A VM is to stop: first its power button is pressed, and only where no guest hears that, or it
/// does not follow in time, its cable is pulled. Belongs to the [VmRunner]'s thread.
final class PoliteStop {
    /// For a guest with services to end; well below the minute that `weft vm stop` waits.
    static final long PATIENCE_NANOS = 30_000_000_000L;

    /// A guest that was still starting may have a driver and nobody yet who reads it.
    static final long AGAIN_NANOS = 5_000_000_000L;

    private @Nullable Long askedAtNanos;
    private long pressedAtNanos;

    /// Whether to pull the cable now.
    ///
    /// @param button presses it, and answers whether somebody hears
    boolean isOver(BooleanSupplier button, long nowNanos) {
        if (askedAtNanos == null || nowNanos - pressedAtNanos >= AGAIN_NANOS) {
            if (!button.getAsBoolean()) {
                return true;
            }
            pressedAtNanos = nowNanos;
            askedAtNanos = askedAtNanos == null ? nowNanos : askedAtNanos;
        }
        return nowNanos - askedAtNanos >= PATIENCE_NANOS;
    }

    /// The VM is to run on: a guest that has not gone off by now will not, and can be asked again.
    void callOff(long nowNanos) {
        if (askedAtNanos != null && nowNanos - askedAtNanos >= PATIENCE_NANOS) {
            askedAtNanos = null;
        }
    }

    /// Whether a guest that goes off does so because it was asked.
    boolean isAsked() {
        return askedAtNanos != null;
    }
}
