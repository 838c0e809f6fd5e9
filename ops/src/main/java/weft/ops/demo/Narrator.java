package weft.ops.demo;

import weft.runtime.BootClock;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Prints the story: each step with a tick and how long it took, figures under it, and at the end a
/// table of all figures.
public final class Narrator {
    /// A measured value.
    public record Figure(String name, double value, String unit) {
        /// As people read it.
        String humane() {
            String digits =
                    value == Math.rint(value) && Math.abs(value) < 1e9
                            ? Long.toString((long) value)
                            : String.format(Locale.ROOT, "%.1f", value);
            return unit.isEmpty() ? digits : digits + " " + unit;
        }
    }

    private final PrintWriter out;
    private final String tick;
    private final String cross;
    private final boolean live;
    private final List<Figure> figures = new ArrayList<>();
    private final long startNanos = BootClock.SYSTEM.nowNanos();

    /// @param ascii for outputs that do not show a tick
    /// @param live for a terminal: says what it is about before it is done, in the same line
    public Narrator(PrintWriter out, boolean ascii, boolean live) {
        this.out = out;
        this.live = live;
        tick = ascii ? "ok" : "✓";
        cross = ascii ? "failed:" : "✗";
    }

    /// What a step does.
    @FunctionalInterface
    public interface Step {
        /// @return what was found, in a few words
        String tell() throws Exception;
    }

    /// Tells one step; a failure ends the story.
    public void step(String claim, Step step) throws Exception {
        if (live) {
            out.printf("  … %s", claim);
            out.flush();
        }
        long stepNanos = BootClock.SYSTEM.nowNanos();
        String found;
        try {
            found = step.tell();
        } catch (Exception e) {
            out.printf("%s  %s %s%n", lineStart(), cross, claim);
            out.flush();
            throw e;
        }
        double seconds = (BootClock.SYSTEM.nowNanos() - stepNanos) / 1e9;
        out.printf(Locale.ROOT, "%s  %s %s  (%.1f s)%n", lineStart(), tick, claim, seconds);
        if (!found.isEmpty()) {
            out.printf("      %s%n", found);
        }
        out.flush();
    }

    private String lineStart() {
        return live ? "\r" : "";
    }

    /// A heading between steps.
    public void chapter(String title) {
        out.printf("%n%s%n", title);
        out.flush();
    }

    /// Keeps a figure for the summary.
    public void figure(String name, double value, String unit) {
        figures.add(new Figure(name, value, unit));
    }

    /// All figures so far.
    public List<Figure> figures() {
        return List.copyOf(figures);
    }

    /// The table of all figures.
    public void summarise() {
        double seconds = (BootClock.SYSTEM.nowNanos() - startNanos) / 1e9;
        out.printf(Locale.ROOT, "%nEverything held. %.0f s in all.%n%n", seconds);
        int width = figures.stream().mapToInt(figure -> figure.name().length()).max().orElse(0);
        for (Figure figure : figures) {
            out.printf("  %-" + width + "s  %s%n", figure.name(), figure.humane());
        }
        out.flush();
    }
}
