package weft.ops.cli.volume;

import picocli.CommandLine.Parameters;

import weft.ops.cli.FabricCommand;

/// A command about one volume, which its argument names.
abstract class OneVolumeCommand extends FabricCommand {
    @Parameters(paramLabel = "NAME", description = "The volume's name.")
    private String name = "";

    /// The volume's name.
    final String name() {
        return name;
    }
}
