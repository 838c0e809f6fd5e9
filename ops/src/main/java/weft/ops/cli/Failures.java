package weft.ops.cli;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

import weft.ops.admin.Refusal;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
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
            case FileSystemException file -> file.getFile() + ": " + reason(file);
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

    /// The message of most of these is the file's name alone.
    private static String reason(FileSystemException e) {
        return switch (e) {
            case NoSuchFileException _ -> "no such file or folder";
            case FileAlreadyExistsException _ -> "is there already, and is not what is wanted";
            case NotDirectoryException _ -> "is no folder";
            case AccessDeniedException _ -> "permission denied";
            default -> e.getReason() == null ? e.getClass().getSimpleName() : e.getReason();
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
