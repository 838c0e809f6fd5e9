package weft.vmhost.hart;

import java.util.Map;

/// `mcycle`, `minstret` and `mcountinhibit`: both counters count retired instructions, each from
/// where software set it and unless inhibited. A write takes effect when its instruction has
/// completed: the next one reads what was written.
final class Counters {
    private final Counter cycle = new Counter();
    private final Counter instret = new Counter();

    /// @param retired instructions before the one that asks
    long cycle(long retired) {
        return cycle.at(retired);
    }

    long instret(long retired) {
        return instret.at(retired);
    }

    void setCycle(long value, long retired) {
        cycle.set(value, retired + 1);
    }

    void setInstret(long value, long retired) {
        instret.set(value, retired + 1);
    }

    long inhibited() {
        return (cycle.inhibited ? Csr.COUNTER_CYCLE : 0)
                | (instret.inhibited ? Csr.COUNTER_INSTRET : 0);
    }

    void setInhibited(long bits, long retired) {
        cycle.inhibit((bits & Csr.COUNTER_CYCLE) != 0, retired + 1);
        instret.inhibit((bits & Csr.COUNTER_INSTRET) != 0, retired + 1);
    }

    void capture(Map<String, Long> into) {
        into.put("mcycle.offset", cycle.base);
        into.put("minstret.offset", instret.base);
        into.put("mcountinhibit", inhibited());
    }

    void restore(Map<String, Long> from) {
        long inhibited = from.getOrDefault("mcountinhibit", 0L);
        cycle.base = from.getOrDefault("mcycle.offset", 0L);
        cycle.inhibited = (inhibited & Csr.COUNTER_CYCLE) != 0;
        instret.base = from.getOrDefault("minstret.offset", 0L);
        instret.inhibited = (inhibited & Csr.COUNTER_INSTRET) != 0;
    }

    private static final class Counter {
        /// The value less the retired instructions; while inhibited, the value.
        private long base;

        private boolean inhibited;

        long at(long retired) {
            return inhibited ? base : base + retired;
        }

        void set(long value, long retired) {
            base = inhibited ? value : value - retired;
        }

        void inhibit(boolean inhibit, long retired) {
            long value = at(retired);
            inhibited = inhibit;
            set(value, retired);
        }
    }
}
