package weft.ops.cli.vm;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import weft.fabric.NodeId;
import weft.ops.admin.VmAdmin;
import weft.ops.cli.FabricSession;

import java.io.IOException;
import java.util.Optional;

/// The power button, the power cable and the reset button.
final class VmPower {
    private VmPower() {}

    @Command(
            name = "start",
            description = "Start a stopped VM.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft vm start web1"})
    static final class Start extends OneVmCommand {
        @Mixin private VmWaiting waiting = new VmWaiting();

        @Option(names = "--host", paramLabel = "HOST", description = "Where to run it.")
        private @Nullable String host;

        @Override
        protected void run(FabricSession session) throws IOException, InterruptedException {
            new VmAdmin(session.records())
                    .start(session.image(), name(), Optional.ofNullable(host).map(NodeId::new));
            waiting.forRunning(session, output(), name(), "");
        }
    }

    @Command(
            name = "stop",
            description =
                    "Press a VM's power button; where its guest does not hear that, or has not"
                            + " switched itself off after 30 s, pull its power cable.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft vm stop web1"})
    static final class Stop extends OneVmCommand {
        @Mixin private VmWaiting waiting = new VmWaiting();

        @Option(names = "--force", description = "Pull the power cable at once.")
        private boolean force;

        @Override
        protected void run(FabricSession session) throws IOException, InterruptedException {
            var admin = new VmAdmin(session.records());
            if (force) {
                admin.cut(session.image(), name());
            } else {
                admin.stop(session.image(), name());
            }
            waiting.forStopped(session, output(), name());
        }
    }

    @Command(
            name = "reset",
            description = "Press a VM's reset button.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft vm reset web1"})
    static final class Reset extends OneVmCommand {
        @Override
        protected void run(FabricSession session) throws IOException {
            new VmAdmin(session.records()).reset(session.image(), name());
            output().result(
                            VmRow.find(session.image(), name()),
                            "VM %s boots anew. Next: weft vm console %s".formatted(name(), name()));
        }
    }
}
