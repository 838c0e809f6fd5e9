package weft.ops.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

import weft.ops.cli.Output.Column;

import java.util.List;
import java.util.stream.Stream;

/// Lists what exit codes mean.
@Command(
        name = "exit-codes",
        description = "List what the exit codes of all commands mean.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft exit-codes"})
final class ExitCodes implements Runnable {
    @Mixin private Output output = new Output();

    /// One line of the list.
    record Meaning(int code, String meaning) {}

    @Override
    public void run() {
        List<Meaning> meanings =
                Stream.of(ExitCode.values())
                        .map(code -> new Meaning(code.value(), code.meaning()))
                        .toList();
        output.list(
                meanings,
                List.of(Column.of("CODE", Meaning::code), Column.of("MEANING", Meaning::meaning)));
    }
}
