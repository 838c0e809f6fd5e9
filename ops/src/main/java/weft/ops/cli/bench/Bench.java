package weft.ops.cli.bench;

import picocli.CommandLine.Command;

/// The group `weft bench`.
@Command(
        name = "bench",
        description = "Measure Weft, and a peer beside it.",
        synopsisSubcommandLabel = "COMMAND",
        mixinStandardHelpOptions = true,
        subcommands = {
            BenchCpu.class,
            BenchDisk.class,
            BenchSnapshots.class,
            BenchNet.class,
            BenchSimulate.class
        },
        footer = {"", "Example:", "  weft bench cpu --peer qemu"})
public final class Bench {}
