package weft.ops.cli.bench;

import weft.ops.bench.Figure;
import weft.ops.bench.Report;
import weft.ops.bench.Row;
import weft.ops.cli.Output;
import weft.ops.cli.Output.Column;

import java.util.List;
import java.util.Locale;

/// The one table of all benchmarks.
final class ReportTable {
    private ReportTable() {}

    static void print(Report report, Output output) {
        String peer =
                report.rows().stream()
                        .flatMap(row -> row.peer().stream())
                        .map(Row.Peer::name)
                        .findFirst()
                        .orElse("peer");
        output.list(
                report.rows(),
                List.of(
                        Column.of("NAME", Row::name),
                        Column.of("UNIT", Row::unit),
                        Column.of("WEFT", Row::weft),
                        Column.of(peer.toUpperCase(Locale.ROOT), ReportTable::peerFigure),
                        Column.of("RATIO", ReportTable::ratio)));
        output.say(
                "%s, %d cores, commit %s; medians [min–max] of %d; a ratio above 1 is better for Weft"
                        .formatted(
                                report.machine().cpu(),
                                report.machine().cores(),
                                report.commit(),
                                report.rows().stream()
                                        .map(Row::weft)
                                        .mapToInt(Figure::n)
                                        .max()
                                        .orElse(0)));
    }

    private static String peerFigure(Row row) {
        return row.peer().map(peer -> peer.figure().toString()).orElse("–");
    }

    private static String ratio(Row row) {
        return row.ratio().map(ratio -> String.format(Locale.ROOT, "%.2f", ratio)).orElse("–");
    }
}
