package weft.ops.cli.vm;

import picocli.CommandLine.Parameters;

import weft.ops.cli.FabricCommand;

/// A command about one VM, which its argument names.
abstract class OneVmCommand extends FabricCommand {
    @Parameters(paramLabel = "NAME", description = "The VM's name.")
    private String name = "";

    /// The VM's name.
    final String name() {
        return name;
    }
}
