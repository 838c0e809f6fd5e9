package weft.vmhost.nativecode;

import java.util.Arrays;
import java.util.stream.IntStream;

/// A place in the code that jumps may name before it is known.
final class Label {
    private static final int UNBOUND = -1;
    private int position = UNBOUND;

    /// Positions of four-byte distances that wait for it.
    private int[] waiting = new int[2];

    private int waitingCount;

    boolean isBound() {
        return position != UNBOUND;
    }

    /// Whether a jump goes there.
    boolean isAwaited() {
        return waitingCount != 0;
    }

    int position() {
        assert isBound();
        return position;
    }

    void bind(int at) {
        assert !isBound();
        position = at;
    }

    /// A distance at this position waits to be filled in.
    void await(int at) {
        if (waitingCount == waiting.length) {
            waiting = Arrays.copyOf(waiting, 2 * waitingCount);
        }
        waiting[waitingCount++] = at;
    }

    IntStream waiting() {
        return Arrays.stream(waiting, 0, waitingCount);
    }
}
