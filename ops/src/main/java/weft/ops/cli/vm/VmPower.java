package weft.ops.cli.vm;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import weft.fabric.NodeId;
import weft.ops.admin.VmAdmin;
import weft.ops.cli.ExitCode;
import weft.ops.cli.FabricOptions;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output;

import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.Callable;

/// The power button, the power cable and the reset button.
final class VmPower {
    private VmPower() {}

    @Command(
            name = "start",
            description = "Start a stopped VM.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft vm start web1"})
    static final class Start implements Callable<Integer> {
        @Mixin private FabricOptions fabric = new FabricOptions();
        @Mixin private Output output = new Output();
        @Mixin private VmWaiting waiting = new VmWaiting();

        @Parameters(paramLabel = "NAME", description = "The VM's name.")
        private String name = "";

        @Option(names = "--host", paramLabel = "HOST", description = "Where to run it.")
        private @Nullable String host;

        @Override
        public Integer call() throws IOException, InterruptedException {
            try (var session = FabricSession.open(fabric)) {
                new VmAdmin(session.records())
                        .start(session.image(), name, Optional.ofNullable(host).map(NodeId::new));
                return waiting.forRunning(session, output, name, "");
            }
        }
    }

    @Command(
            name = "stop",
            description =
                    "Switch a VM off, as by its power cable; 'poweroff' in the guest is gentler.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft vm stop web1"})
    static final class Stop implements Callable<Integer> {
        @Mixin private FabricOptions fabric = new FabricOptions();
        @Mixin private Output output = new Output();
        @Mixin private VmWaiting waiting = new VmWaiting();

        @Parameters(paramLabel = "NAME", description = "The VM's name.")
        private String name = "";

        @Override
        public Integer call() throws IOException, InterruptedException {
            try (var session = FabricSession.open(fabric)) {
                new VmAdmin(session.records()).stop(session.image(), name);
                return waiting.forStopped(session, output, name);
            }
        }
    }

    @Command(
            name = "reset",
            description = "Press a VM's reset button.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  weft vm reset web1"})
    static final class Reset implements Callable<Integer> {
        @Mixin private FabricOptions fabric = new FabricOptions();
        @Mixin private Output output = new Output();

        @Parameters(paramLabel = "NAME", description = "The VM's name.")
        private String name = "";

        @Override
        public Integer call() throws IOException {
            try (var session = FabricSession.open(fabric)) {
                new VmAdmin(session.records()).reset(session.image(), name);
                output.result(
                        VmRow.of(session.image(), VmAdmin.find(session.image(), name)),
                        "VM %s boots anew. Next: weft vm console %s".formatted(name, name));
            }
            return ExitCode.OK.value();
        }
    }
}
