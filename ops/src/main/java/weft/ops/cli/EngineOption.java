package weft.ops.cli;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Option;

import weft.vmhost.machine.EngineKind;

/// What executes guests, where a person may choose it.
public final class EngineOption {
    @Option(
            names = "--engine",
            paramLabel = "ENGINE",
            description =
                    "What executes guests: interpreter, translator (Java bytecode) or native"
                            + " (machine code; x86-64 only) (default: native where it is"
                            + " possible, else translator).")
    private @Nullable EngineKind engine;

    /// What was chosen, else the best one.
    ///
    /// @throws CliFailure if this machine cannot execute it
    public EngineKind kind() {
        if (engine == EngineKind.NATIVE && EngineKind.best() != EngineKind.NATIVE) {
            throw CliFailure.refused(
                    "--engine native: this host has no x86-64 processor with AVX2, BMI2 and FMA,"
                            + " or allows no executable memory; leave the option away");
        }
        return engine == null ? EngineKind.best() : engine;
    }
}
