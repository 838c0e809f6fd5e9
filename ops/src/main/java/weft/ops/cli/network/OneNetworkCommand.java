package weft.ops.cli.network;

import picocli.CommandLine.Parameters;

import weft.ops.cli.FabricCommand;

/// A command about one network, which its argument names.
abstract class OneNetworkCommand extends FabricCommand {
    @Parameters(paramLabel = "NAME", description = "The network's name.")
    private String name = "";

    /// The network's name.
    final String name() {
        return name;
    }
}
