package weft.ops.cli;

import picocli.CommandLine.Mixin;

import java.io.IOException;
import java.util.concurrent.Callable;

/// A command that asks or changes a fabric: it checks its options, opens a session, and does its
/// part in it. What cannot be done it throws, and [Failures] makes a line and an exit code of that;
/// so a command that comes back has done what was asked.
public abstract class FabricCommand implements Callable<Integer> {
    @Mixin private FabricOptions fabric = new FabricOptions();
    @Mixin private Output output = new Output();

    @Override
    public final Integer call() throws IOException, InterruptedException {
        checkOptions();
        try (var session = FabricSession.open(fabric)) {
            run(session);
        }
        return ExitCode.OK.value();
    }

    /// Refuses what cannot be right in any fabric, before one is looked for.
    ///
    /// @throws CliFailure `USAGE`
    protected void checkOptions() {}

    /// Does what was asked, and prints what came of it.
    protected abstract void run(FabricSession session) throws IOException, InterruptedException;

    /// How it prints.
    protected final Output output() {
        return output;
    }
}
