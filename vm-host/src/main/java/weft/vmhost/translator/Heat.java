package weft.vmhost.translator;

import weft.vmhost.interpreter.DecodedPage;

import java.util.Map;
import java.util.WeakHashMap;

/// How often the interpreter was met at each place of each decoded page; one hart's.
final class Heat {
    private final int hot;
    private final Map<DecodedPage, byte[]> seen = new WeakHashMap<>();

    /// @param hot how often makes a place hot, below 128
    Heat(int hot) {
        this.hot = hot;
    }

    /// Notes that execution is here; answers whether that was often enough; then it takes much more
    /// until it is again, as the first time may not have led to anything.
    boolean isHot(DecodedPage page, int slot) {
        byte[] counts = seen.computeIfAbsent(page, _ -> new byte[DecodedPage.SLOTS]);
        if (++counts[slot] < hot) {
            return false;
        }
        counts[slot] = Byte.MIN_VALUE;
        return true;
    }
}
