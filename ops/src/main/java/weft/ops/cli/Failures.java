package weft.ops.cli;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

import weft.ops.admin.Refusal;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

/// Turns whatever ended a command into one line on stderr and an exit code. Stack traces are for
/// those who set WEFT_DEBUG.
final class Failures {
    private Failures() {}

    /// The command line was not understood.
    static int usage(ParameterException e, String[] arguments) {
        CommandLine command = e.getCommandLine();
        String name = command.getCommandSpec().qualifiedName();
        print(command, firstLine(e) + suggestion(e) + "; see '" + name + " --help'");
        debug(command, e);
        return ExitCode.USAGE.value();
    }

    private static String suggestion(ParameterException e) {
        if (!(e instanceof UnmatchedArgumentException unmatched)) {
            return "";
        }
        List<String> suggestions = unmatched.getSuggestions();
        return suggestions.isEmpty()
                ? ""
                : " (did you mean "
                        + String.join(" or ", suggestions.stream().map(s -> "'" + s + "'").toList())
                        + "?)";
    }

    /// The command threw.
    static int execution(Exception e, CommandLine command, ParseResult parsed) {
        return report(command, e);
    }

    static int report(CommandLine command, Throwable thrown) {
        Throwable e = thrown;
        if (e instanceof UncheckedIOException wrapped && wrapped.getCause() != null) {
            e = wrapped.getCause();
        }
        ExitCode exitCode =
                switch (e) {
                    case CliFailure failure -> failure.exitCode();
                    case Refusal refusal ->
                            switch (refusal.kind()) {
                                case BAD_REQUEST -> ExitCode.USAGE;
                                case STATE -> ExitCode.REFUSED;
                            };
                    case IllegalArgumentException _ -> ExitCode.USAGE;
                    case InterruptedException _ -> ExitCode.INTERRUPTED;
                    default -> ExitCode.FAILED;
                };
        print(command, message(e));
        debug(command, thrown);
        return exitCode.value();
    }

    private static String message(Throwable e) {
        return switch (e) {
            case CliFailure _, Refusal _, IllegalArgumentException _ -> firstLine(e);
            case IOException _ ->
                    e.getMessage() == null ? e.getClass().getSimpleName() : firstLine(e);
            case InterruptedException _ -> "interrupted";
            default ->
                    "internal error: "
                            + e.getClass().getSimpleName()
                            + ": "
                            + firstLine(e)
                            + " (WEFT_DEBUG=1 shows where)";
        };
    }

    private static String firstLine(Throwable e) {
        String message = messageOf(e);
        if (message == null || message.isBlank()) {
            return e.getClass().getSimpleName();
        }
        String line = message.lines().findFirst().orElse("").strip();
        return line.endsWith(".") ? line.substring(0, line.length() - 1) : line;
    }

    private static @Nullable String messageOf(Throwable e) {
        return e.getMessage();
    }

    private static void print(CommandLine command, String line) {
        command.getOut().flush();
        command.getErr().println("weft: " + line);
        command.getErr().flush();
    }

    private static void debug(CommandLine command, Throwable e) {
        if (Terminal.isDebug()) {
            e.printStackTrace(command.getErr());
            command.getErr().flush();
        }
    }
}
