package weft.vmhost.virtio;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.function.Consumer;

/// Whether a device stands still, and what is kept for when it goes on. To go on is work of the
/// device loop, and asked for earlier: a pause that began in between lasts, or a machine that was
/// captured would still be served. Guarded by the transport's monitor.
final class Pause {
    private final Queue<Runnable> held = new ArrayDeque<>();
    private boolean lasts;
    private int begun;

    void begin() {
        lasts = true;
        begun++;
    }

    boolean lasts() {
        return lasts;
    }

    /// Which one it is, for [#ends].
    int number() {
        return begun;
    }

    /// Ends it, unless another one has begun since; then answers false.
    boolean ends(int number) {
        if (number != begun) {
            return false;
        }
        lasts = false;
        return true;
    }

    void hold(Runnable task) {
        held.add(task);
    }

    void dropHeld() {
        held.clear();
    }

    void doHeld(Consumer<Runnable> how) {
        for (Runnable task = held.poll(); task != null; task = held.poll()) {
            how.accept(task);
        }
    }
}
