package weft.ops.bench;

import java.util.List;
import java.util.Locale;

/// What several runs gave.
///
/// @param n how many runs
public record Figure(double median, double min, double max, int n) {
    /// The figure of these runs; of an even number the median is the mean of the two in the middle.
    ///
    /// @param samples at least one
    public static Figure of(List<Double> samples) {
        List<Double> sorted = samples.stream().sorted().toList();
        int n = sorted.size();
        double median = (sorted.get((n - 1) / 2) + sorted.get(n / 2)) / 2;
        return new Figure(median, sorted.getFirst(), sorted.getLast(), n);
    }

    /// As a table shows it: `12.3 [11.9–12.4]`.
    @Override
    public String toString() {
        return "%s [%s–%s]".formatted(digits(median), digits(min), digits(max));
    }

    /// Three digits that count.
    static String digits(double value) {
        double size = Math.abs(value);
        String form = size >= 99.95 ? "%.0f" : size >= 9.995 ? "%.1f" : "%.2f";
        return String.format(Locale.ROOT, form, value);
    }
}
