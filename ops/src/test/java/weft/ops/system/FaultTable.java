package weft.ops.system;

import weft.ops.system.VolumeChecker.Pause;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;

/// How long writes paused, for each kind of fault.
final class FaultTable {
    private final Map<FaultKind, List<Pause>> pauses = new EnumMap<>(FaultKind.class);

    void add(FaultKind kind, Pause pause) {
        pauses.computeIfAbsent(kind, _ -> new ArrayList<>()).add(pause);
    }

    private static double seconds(List<Pause> some, ToLongFunction<Pause> figure, double share) {
        long[] sorted = some.stream().mapToLong(figure).sorted().toArray();
        return sorted[(int) Math.round(share * (sorted.length - 1))] / 1e9;
    }

    /// For people, in Markdown.
    String text() {
        var lines = new ArrayList<String>();
        lines.add("| fault | times | no write ended, p50 | max | slowest write, p50 | max |");
        lines.add("| --- | --- | --- | --- | --- | --- |");
        pauses.forEach((kind, some) ->
                lines.add(
                        "| %s | %d | %.2f s | %.2f s | %.2f s | %.2f s |"
                                .formatted(
                                        kind.name().toLowerCase(java.util.Locale.ROOT),
                                        some.size(),
                                        seconds(some, Pause::gapNanos, 0.5),
                                        seconds(some, Pause::gapNanos, 1),
                                        seconds(some, Pause::slowestNanos, 0.5),
                                        seconds(some, Pause::slowestNanos, 1))));
        return String.join("\n", lines);
    }

    /// For programs.
    List<Map<String, Object>> json() {
        var rows = new ArrayList<Map<String, Object>>();
        pauses.forEach((kind, some) -> {
            var row = new LinkedHashMap<String, Object>();
            row.put("fault", kind.name());
            row.put("times", some.size());
            row.put("gapSecondsMedian", seconds(some, Pause::gapNanos, 0.5));
            row.put("gapSecondsMax", seconds(some, Pause::gapNanos, 1));
            row.put("slowestSecondsMedian", seconds(some, Pause::slowestNanos, 0.5));
            row.put("slowestSecondsMax", seconds(some, Pause::slowestNanos, 1));
            rows.add(row);
        });
        return rows;
    }
}
