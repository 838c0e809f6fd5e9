package weft.ops.cli;

import weft.ops.cli.Output.Column;

import java.util.ArrayList;
import java.util.List;

/// Lays out rows in columns two blanks apart; numbers and sizes to the right.
final class Table {
    private static final String GAP = "  ";

    private Table() {}

    static <T> String format(List<T> rows, List<Column<T>> columns) {
        List<List<String>> cells = new ArrayList<>();
        cells.add(columns.stream().map(Column::heading).toList());
        for (T row : rows) {
            cells.add(columns.stream().map(column -> printable(column.cell().apply(row))).toList());
        }
        int[] widths = new int[columns.size()];
        for (List<String> line : cells) {
            for (int i = 0; i < widths.length; i++) {
                widths[i] =
                        Math.max(widths[i], line.get(i).codePointCount(0, line.get(i).length()));
            }
        }
        var text = new StringBuilder();
        for (List<String> line : cells) {
            text.append(lineOf(line, widths)).append(System.lineSeparator());
        }
        return text.toString();
    }

    private static String lineOf(List<String> cells, int[] widths) {
        var line = new StringBuilder();
        for (int i = 0; i < widths.length; i++) {
            String cell = cells.get(i);
            line.append(i == 0 ? "" : GAP).append(cell);
            line.repeat(' ', widths[i] - cell.codePointCount(0, cell.length()));
        }
        return line.toString().stripTrailing();
    }

    /// Names and descriptions come from others: no control character reaches the terminal.
    private static String printable(Object cell) {
        return String.valueOf(cell).replaceAll("\\p{Cntrl}", "?");
    }
}
