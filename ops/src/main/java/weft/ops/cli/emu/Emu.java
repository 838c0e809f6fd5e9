package weft.ops.cli.emu;

import picocli.CommandLine.Command;

/// The group `weft emu`.
@Command(
        name = "emu",
        description = "Run a guest in the emulator by itself, without a fabric.",
        synopsisSubcommandLabel = "COMMAND",
        mixinStandardHelpOptions = true,
        subcommands = {EmuRun.class, EmuTrain.class},
        footer = {"", "Example:", "  weft emu run --kernel Image --initrd initrd.gz"})
public final class Emu {}
