package weft.vswitch.pipeline;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReferenceArray;

/// Frames dropped, by reason: one writing thread, any number of readers. A reason takes memory from
/// its first frame on.
final class DropTallies {
    private static final DropReason[] REASONS = DropReason.values();

    private final AtomicReferenceArray<Tally> byReason = new AtomicReferenceArray<>(REASONS.length);

    void add(DropReason reason) {
        Tally tally = byReason.getPlain(reason.ordinal());
        if (tally == null) {
            tally = new Tally();
            byReason.setRelease(reason.ordinal(), tally);
        }
        tally.add(1);
    }

    long get(DropReason reason) {
        Tally tally = byReason.getAcquire(reason.ordinal());
        return tally == null ? 0 : tally.get();
    }

    long sum() {
        long sum = 0;
        for (DropReason reason : REASONS) {
            sum += get(reason);
        }
        return sum;
    }

    /// The reasons that there were, by their labels.
    Map<String, Long> counts() {
        Map<String, Long> counts = new TreeMap<>();
        for (DropReason reason : REASONS) {
            long count = get(reason);
            if (count > 0) {
                counts.put(reason.label(), count);
            }
        }
        return counts;
    }
}
