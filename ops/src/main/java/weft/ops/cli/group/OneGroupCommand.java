package weft.ops.cli.group;

import picocli.CommandLine.Parameters;

import weft.ops.cli.FabricCommand;

/// A command about one group, which its first argument names.
abstract class OneGroupCommand extends FabricCommand {
    @Parameters(index = "0", paramLabel = "NAME", description = "The group's name.")
    private String name = "";

    /// The group's name.
    final String name() {
        return name;
    }
}
