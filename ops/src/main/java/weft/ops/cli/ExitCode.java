package weft.ops.cli;

/// What a command's exit code tells a script.
public enum ExitCode {
    /// Done.
    OK(0, "done"),
    /// The world failed: network, disk, a check of the demo.
    FAILED(1, "failed: something did not work; the message says what"),
    /// The command line was wrong; nothing was tried.
    USAGE(2, "usage: an option, name or size was not understood; nothing was tried"),
    /// The state forbids it: no such VM, name taken, volume in use. Nothing was changed.
    REFUSED(3, "refused: no such object, name taken, in use, wrong state; nothing was changed"),
    /// No fabric answers.
    UNREACHABLE(4, "unreachable: no fabric runs there, or its coordination does not answer"),
    /// Ctrl-C, as shells count it: 128 + SIGINT.
    INTERRUPTED(130, "interrupted with Ctrl-C");

    private final int value;
    private final String meaning;

    ExitCode(int value, String meaning) {
        this.value = value;
        this.meaning = meaning;
    }

    /// The process's exit code.
    public int value() {
        return value;
    }

    /// One line for people.
    public String meaning() {
        return meaning;
    }
}
