package weft.ops.cli.fabric;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

import weft.ops.cli.ExitCode;
import weft.ops.cli.FabricFile;
import weft.ops.cli.FabricOptions;
import weft.ops.cli.Output;

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
    @Mixin private FabricOptions fabric = new FabricOptions();
    @Mixin private Output output = new Output();

    /// What a stop prints with `--json`.
    record Stopped(String folder, List<String> killed) {}

    @Override
    public Integer call() throws IOException, InterruptedException {
        Optional<FabricFile> file = FabricFile.read(fabric.folder());
        if (file.isEmpty()) {
            output.result(
                    new Stopped(fabric.folder().toString(), List.of()),
                    "no fabric runs from " + fabric.folder());
            return ExitCode.OK.value();
        }
        List<String> killed = LocalProcesses.stop(file.get());
        FabricFile.delete(fabric.folder());
        output.result(
                new Stopped(fabric.folder().toString(), killed),
                "the fabric in %s is stopped%s; its state is kept. Next: weft up"
                        .formatted(
                                fabric.folder(),
                                killed.isEmpty()
                                        ? ""
                                        : " (had to be killed: "
                                                + String.join(", ", killed)
                                                + ")"));
        return ExitCode.OK.value();
    }
}
