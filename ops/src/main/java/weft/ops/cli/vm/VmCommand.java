package weft.ops.cli.vm;

import picocli.CommandLine.Command;

/// `weft vm …`.
@Command(
        name = "vm",
        description = "Create, run, watch and move virtual machines.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            VmCreate.class,
            VmPower.Start.class,
            VmPower.Stop.class,
            VmPower.Reset.class,
            VmList.class,
            VmShow.class,
            VmConsole.class,
            VmMigrate.class,
            VmDelete.class
        },
        footer = {"", "Example:", "  weft vm create web1 --network blue && weft vm console web1"})
public final class VmCommand {}
