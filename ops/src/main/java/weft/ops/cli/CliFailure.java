package weft.ops.cli;

/// Ends a command with one line on stderr and an exit code. The message says what was wrong and
/// what to do, without a trailing full stop and without the name of the program.
public final class CliFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final ExitCode exitCode;

    /// @param message one line, fit for people
    public CliFailure(ExitCode exitCode, String message) {
        super(message);
        this.exitCode = exitCode;
    }

    /// @param cause shown only with WEFT_DEBUG=1
    public CliFailure(ExitCode exitCode, String message, Throwable cause) {
        super(message, cause);
        this.exitCode = exitCode;
    }

    /// The state forbids what was asked; nothing was changed.
    public static CliFailure refused(String message) {
        return new CliFailure(ExitCode.REFUSED, message);
    }

    /// What was asked cannot be understood; nothing was tried.
    public static CliFailure usage(String message) {
        return new CliFailure(ExitCode.USAGE, message);
    }

    /// The world failed.
    public static CliFailure failed(String message) {
        return new CliFailure(ExitCode.FAILED, message);
    }

    /// The exit code that goes with the message.
    public ExitCode exitCode() {
        return exitCode;
    }
}
