package weft.ops.cli;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

import weft.fabric.FabricJson;
import weft.runtime.BootClock;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/// How every command prints: tables and sentences for people, or with `--json` the records
/// themselves, one JSON value per call. Progress goes to stderr, so stdout stays parseable.
///
/// ```java
/// @Mixin private Output output = new Output();
/// …
/// output.list(volumes, List.of(Column.of("NAME", Volume::name), …));
/// ```
public final class Output {
    @Option(names = "--json", description = "Print JSON for scripts instead of text for people.")
    private boolean json;

    @Spec(Spec.Target.MIXEE)
    private @Nullable CommandSpec spec;

    /// Whether the caller wants JSON.
    public boolean isJson() {
        return json;
    }

    /// Whether a person watches, so that a line may be drawn again and again.
    public boolean isWatched() {
        return !json && Terminal.isInteractive();
    }

    /// Rows as a table, or as a JSON array of the records.
    public <T> void list(List<T> rows, List<Column<T>> columns) {
        if (json) {
            printJson(rows);
        } else {
            out().print(Table.format(rows, columns));
            out().flush();
        }
    }

    /// The outcome of a command: a sentence for people, or the record as a JSON object.
    public void result(Object noun, String sentence) {
        if (json) {
            printJson(noun);
        } else {
            say(sentence);
        }
    }

    /// What a deletion prints with `--json`.
    record Deleted(String deleted) {}

    /// The outcome of a deletion: a sentence for people, or a JSON object with the name.
    public void deleted(String name, String sentence) {
        result(new Deleted(name), sentence);
    }

    /// A line for people; nothing with `--json`.
    public void say(String line) {
        if (!json) {
            out().println(line);
            out().flush();
        }
    }

    private void printJson(Object noun) {
        out().println(new String(FabricJson.write(noun), StandardCharsets.UTF_8));
        out().flush();
    }

    /// A bar on stderr for work of a known or unknown size.
    ///
    /// @param label what is going on: "linux-image-6.12 (106 MB)"
    /// @param totalBytes the size, or a negative number if it is unknown
    public ProgressBar progress(String label, long totalBytes) {
        var style = isWatched() ? ProgressBar.Style.REDRAWN : ProgressBar.Style.PLAIN_LINES;
        return new ProgressBar(err(), style, BootClock.SYSTEM, label, totalBytes);
    }

    /// The same for things that are counted.
    ///
    /// @param counted what they are: "placement groups"
    public ProgressBar counting(String label, String counted, long total) {
        var style = isWatched() ? ProgressBar.Style.REDRAWN : ProgressBar.Style.PLAIN_LINES;
        return new ProgressBar(err(), style, BootClock.SYSTEM, label, Optional.of(counted), total);
    }

    /// Where results go.
    public PrintWriter out() {
        return specified().commandLine().getOut();
    }

    /// Where progress and warnings go.
    public PrintWriter err() {
        return specified().commandLine().getErr();
    }

    private CommandSpec specified() {
        if (spec == null) {
            throw new IllegalStateException("Output is not a @Mixin of a command");
        }
        return spec;
    }

    /// A column of a table: its heading and how a row fills it.
    ///
    /// @param <T> the row
    public record Column<T>(String heading, Function<T, Object> cell) {
        /// A column.
        public static <T> Column<T> of(String heading, Function<T, Object> cell) {
            return new Column<>(heading, cell);
        }
    }
}
