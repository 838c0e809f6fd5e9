package weft.ops.cli.vm;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import weft.fabric.VmSpec;
import weft.ops.admin.VmAdmin;
import weft.ops.cli.ExitCode;
import weft.ops.cli.FabricOptions;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output;

import java.io.IOException;
import java.util.concurrent.Callable;

@Command(
        name = "delete",
        description = "Delete a stopped VM with its disk and ports.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft vm delete web1 --force"})
final class VmDelete implements Callable<Integer> {
    @Mixin private FabricOptions fabric = new FabricOptions();
    @Mixin private Output output = new Output();
    @Mixin private VmWaiting waiting = new VmWaiting();

    @Parameters(paramLabel = "NAME", description = "The VM's name.")
    private String name = "";

    @Option(names = "--force", description = "Stop it first if it runs.")
    private boolean force;

    /// What a deletion prints with `--json`.
    record Deleted(String deleted) {}

    @Override
    public Integer call() throws IOException, InterruptedException {
        try (var session = FabricSession.open(fabric)) {
            var admin = new VmAdmin(session.records());
            VmSpec spec = VmAdmin.find(session.image(), name);
            if (force && spec.power() == VmSpec.Power.RUNNING) {
                admin.stop(session.image(), name);
                waiting.awaitStopped(session, name);
            }
            admin.delete(session.image(), name);
            output.result(new Deleted(name), "VM " + name + " deleted with its disk");
        }
        return ExitCode.OK.value();
    }
}
