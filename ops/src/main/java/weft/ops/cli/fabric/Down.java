package weft.ops.cli.fabric;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

import weft.ops.cli.ExitCode;
import weft.ops.cli.FabricFile;
import weft.ops.cli.Output;
import weft.ops.cli.StateFolder;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;

/// `weft down`.
@Command(
        name = "down",
        description = "Stop the fabric that 'weft up' started; its state is kept.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft down"})
public final class Down implements Callable<Integer> {
    @Mixin private StateFolder state = new StateFolder();
    @Mixin private Output output = new Output();

    /// What a stop prints with `--json`.
    record Stopped(String folder, List<String> killed) {}

    @Override
    public Integer call() throws IOException, InterruptedException {
        Optional<FabricFile> file = FabricFile.read(state.path());
        if (file.isEmpty()) {
            output.result(
                    new Stopped(state.path().toString(), List.of()),
                    "no fabric runs from " + state.path());
            return ExitCode.OK.value();
        }
        List<String> killed = LocalProcesses.stop(file.get());
        FabricFile.delete(state.path());
        output.result(
                new Stopped(state.path().toString(), killed),
                "the fabric in %s is stopped%s; its state is kept. Next: weft up"
                        .formatted(
                                state.path(),
                                killed.isEmpty()
                                        ? ""
                                        : " (had to be killed: "
                                                + String.join(", ", killed)
                                                + ")"));
        return ExitCode.OK.value();
    }
}
