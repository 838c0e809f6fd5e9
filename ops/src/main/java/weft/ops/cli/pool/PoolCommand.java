package weft.ops.cli.pool;

import picocli.CommandLine.Command;

/// The group `weft pool`.
@Command(
        name = "pool",
        description =
                "Show how the pool is, where its copies are, and what takes its space; verify it;"
                        + " say how it is looked after.",
        synopsisSubcommandLabel = "COMMAND",
        mixinStandardHelpOptions = true,
        subcommands = {
            PoolStatus.class,
            PoolMap.class,
            PoolDf.class,
            PoolScrubCommand.class,
            PoolGet.class,
            PoolSet.class
        },
        footer = {"", "Example:", "  weft pool status"})
public final class PoolCommand {}
