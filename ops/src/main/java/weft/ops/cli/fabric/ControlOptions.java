package weft.ops.cli.fabric;

import picocli.CommandLine.Option;

import weft.ops.cli.CliFailure;
import weft.ops.controller.ControlSettings;

import java.time.Duration;
import java.util.List;

/// How control treats the pool, as options.
final class ControlOptions {
    @Option(
            names = "--replace-after",
            paramLabel = "SECONDS",
            defaultValue = "600",
            description = {
                "A storage node that is away for so long is replaced: its copies are made"
                        + " elsewhere",
                "(default: ${DEFAULT-VALUE})."
            })
    private int replaceAfterSeconds;

    @Option(
            names = "--moves",
            paramLabel = "N",
            defaultValue = "32",
            description = "Placement groups copied at once (default: ${DEFAULT-VALUE}).")
    private int moves;

    @Option(
            names = "--moves-per-node",
            paramLabel = "N",
            defaultValue = "1",
            description = {
                "Of those, how many from one storage node, and how many to one (default:",
                "${DEFAULT-VALUE})."
            })
    private int movesPerNode;

    ControlSettings settings() {
        if (replaceAfterSeconds < 0 || moves < 1 || movesPerNode < 1) {
            throw CliFailure.usage(
                    "--replace-after needs at least 0 s, --moves and --moves-per-node at least 1");
        }
        return new ControlSettings(Duration.ofSeconds(replaceAfterSeconds), moves, movesPerNode);
    }

    /// The same for another process.
    List<String> arguments() {
        settings();
        return List.of(
                "--replace-after",
                Integer.toString(replaceAfterSeconds),
                "--moves",
                Integer.toString(moves),
                "--moves-per-node",
                Integer.toString(movesPerNode));
    }
}
