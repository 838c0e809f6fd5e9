package weft.ops.demo;

import static weft.ops.demo.Scene.COMMAND_PATIENCE;

import weft.runtime.BootClock;

import java.io.IOException;

/// A guest's clocks and the host's, read at once: as exactly as the way through the console allows.
///
/// @param uptimeSeconds of the guest, in hundredths
/// @param epochSeconds the guest's date, in whole seconds
/// @param hostSeconds the host's clock that never jumps, in the middle of the reading
/// @param spanSeconds how long the reading took
record ClockReading(
        double uptimeSeconds, long epochSeconds, double hostSeconds, double spanSeconds) {
    private static final int READINGS = 5;

    /// The quickest of a few readings is the most exact one.
    static ClockReading of(GuestShell guest) throws IOException, InterruptedException {
        ClockReading best = once(guest);
        for (int i = 1; i < READINGS; i++) {
            ClockReading next = once(guest);
            if (next.spanSeconds < best.spanSeconds) {
                best = next;
            }
        }
        return best;
    }

    private static ClockReading once(GuestShell guest) throws IOException, InterruptedException {
        long startNanos = BootClock.SYSTEM.nowNanos();
        String output =
                guest.run("read up idle < /proc/uptime; echo $up $(date +%s)", COMMAND_PATIENCE)
                        .orFail("the guest's clocks");
        long endNanos = BootClock.SYSTEM.nowNanos();
        String[] words = output.split(" ", -1);
        DemoFailure.unless(words.length == 2, "the guest's clocks say '%s'", output);
        return new ClockReading(
                Double.parseDouble(words[0]),
                Long.parseLong(words[1]),
                (startNanos / 2 + endNanos / 2) / 1e9,
                (endNanos - startNanos) / 1e9);
    }

    /// How much further the guest's uptime went since an earlier reading than the host's clock.
    double uptimeJumpSeconds(ClockReading earlier) {
        return uptimeSeconds - earlier.uptimeSeconds - (hostSeconds - earlier.hostSeconds);
    }

    /// The same of the guest's date; it is exact to a second.
    double dateJumpSeconds(ClockReading earlier) {
        return epochSeconds - earlier.epochSeconds - (hostSeconds - earlier.hostSeconds);
    }
}
