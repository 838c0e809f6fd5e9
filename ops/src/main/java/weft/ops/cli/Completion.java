package weft.ops.cli;

import org.jspecify.annotations.Nullable;

import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

import java.util.Objects;

/// Prints a script that teaches bash and zsh the commands and options.
@Command(
        name = "completion",
        description = "Print a completion script for bash or zsh.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  source <(weft completion)"})
final class Completion implements Runnable {
    @Spec private @Nullable CommandSpec spec;

    @Override
    public void run() {
        CommandSpec injected = Objects.requireNonNull(spec);
        var out = injected.commandLine().getOut();
        out.println(AutoComplete.bash("weft", injected.root().commandLine()));
        out.flush();
    }
}
