package weft.runtime;

/// Waiting without an event, between attempts at something that failed.
public final class Pause {
    private Pause() {}

    /// Waits; comes back early, with the thread's interrupt flag set, if it is interrupted.
    public static void millis(int millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
