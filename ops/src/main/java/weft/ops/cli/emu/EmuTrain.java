package weft.ops.cli.emu;

import picocli.CommandLine;
import picocli.CommandLine.Command;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;

/// Runs a small guest of its own, for the JVM to record which classes that takes and which of their
/// methods are hot: what the launcher, after a build, makes the AOT cache of that lets guests start
/// at speed (JEP 483, 515).
@Command(
        name = "train",
        hidden = true,
        description = "Run a built-in guest for the JVM to learn from; used by the launcher.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft emu train"})
public final class EmuTrain implements Callable<Integer> {
    private static final String SECONDS_MAX = "60";

    @Override
    public Integer call() throws IOException {
        Path kernel = Files.createTempFile("weft-train", ".img");
        try {
            Files.write(kernel, TrainingGuest.image());
            return new CommandLine(new EmuRun())
                    .setCaseInsensitiveEnumValuesAllowed(true)
                    .execute(
                            "--kernel",
                            kernel.toString(),
                            "--memory=64M",
                            "--timeout",
                            SECONDS_MAX,
                            "--report");
        } finally {
            Files.delete(kernel);
        }
    }
}
