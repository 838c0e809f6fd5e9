package weft.ops.cli.vm;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import weft.ops.admin.VmAdmin;
import weft.ops.cli.FabricSession;

import java.io.IOException;

@Command(
        name = "delete",
        description = "Delete a stopped VM with its disk and ports.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft vm delete web1 --force"})
final class VmDelete extends OneVmCommand {
    @Mixin private VmWaiting waiting = new VmWaiting();

    @Option(names = "--force", description = "Pull its power cable first if it runs.")
    private boolean force;

    @Override
    protected void run(FabricSession session) throws IOException, InterruptedException {
        var admin = new VmAdmin(session.records());
        if (force && !VmAdmin.isOff(session.image(), name())) {
            admin.cut(session.image(), name());
            waiting.awaitStopped(session, name());
        }
        admin.delete(session.image(), name());
        output().deleted(name(), "VM " + name() + " deleted with its disk");
    }
}
