package weft.ops.bench.disk;

import java.util.Arrays;

/// What a load gave.
///
/// @param operations completed in `seconds`
/// @param latency of one
record LoadResult(long operations, double seconds, Latency latency) {
    /// In milliseconds, from asking to the answer.
    record Latency(double mean, double p50, double p99, double p999, double max) {
        /// Of these, in nanoseconds; the array is sorted.
        static Latency of(long[] nanos) {
            if (nanos.length == 0) {
                throw new IllegalArgumentException("no operation was completed");
            }
            Arrays.sort(nanos);
            return new Latency(
                    Arrays.stream(nanos).average().orElseThrow() / 1e6,
                    at(nanos, 0.5),
                    at(nanos, 0.99),
                    at(nanos, 0.999),
                    nanos[nanos.length - 1] / 1e6);
        }

        private static double at(long[] sorted, double share) {
            return sorted[(int) Math.min(sorted.length - 1L, (long) (sorted.length * share))] / 1e6;
        }
    }

    double perSecond() {
        return operations / seconds;
    }
}
