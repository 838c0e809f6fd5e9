package weft.ops.cli;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Help.Ansi;

/// What the outside of the process says about how to print: a terminal or a file, colours or not,
/// and the time that rates are computed with.
final class Terminal {
    private Terminal() {}

    /// Whether a person watches: bars are redrawn only then.
    static boolean isInteractive() {
        return System.console() != null && System.console().isTerminal() && !isDumb();
    }

    private static boolean isDumb() {
        return "dumb".equals(environment("TERM"));
    }

    /// Colours only on a terminal, and never against https://no-color.org.
    static Ansi ansi() {
        return isInteractive() && !isSet("NO_COLOR") ? Ansi.ON : Ansi.OFF;
    }

    /// Whether stack traces are wanted.
    static boolean isDebug() {
        return isSet("WEFT_DEBUG");
    }

    private static boolean isSet(String variable) {
        String value = environment(variable);
        return value != null && !value.isEmpty();
    }

    static @Nullable String environment(String variable) {
        return System.getenv(variable);
    }
}
