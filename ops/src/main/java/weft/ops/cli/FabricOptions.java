package weft.ops.cli;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import weft.transport.NodeAddress;

import java.io.IOException;
import java.nio.file.Path;

/// Which fabric a command talks to: `@Mixin private FabricOptions fabric = new FabricOptions();`.
public final class FabricOptions {
    @Mixin private StateFolder state = new StateFolder();

    @Option(
            names = "--zookeeper",
            paramLabel = "HOST:PORT",
            description = "The fabric's ZooKeeper, instead of the one 'weft up' started.")
    private @Nullable String zookeeper;

    /// The state folder; it may not exist yet.
    public Path folder() {
        return state.path();
    }

    /// Whether a fabric runs from the folder, or one was named.
    public boolean isFabricKnown() throws IOException {
        return zookeeper != null
                || FabricFile.read(folder()).filter(FabricFile::isAlive).isPresent();
    }

    /// The ZooKeeper connect string of the running fabric.
    ///
    /// @throws CliFailure `UNREACHABLE` if none was started, or it is gone
    public String connectString() {
        if (zookeeper != null) {
            return checked(zookeeper);
        }
        FabricFile file;
        try {
            file =
                    FabricFile.read(folder())
                            .orElseThrow(() ->
                                    unreachable(
                                            "no fabric runs from %s: start one with 'weft up', or name one with --zookeeper"
                                                    .formatted(folder())));
        } catch (IOException e) {
            throw new CliFailure(
                    ExitCode.UNREACHABLE,
                    "cannot read %s: %s; 'weft up' writes it anew"
                            .formatted(folder().resolve("fabric.json"), e.getMessage()),
                    e);
        }
        if (!file.isAlive()) {
            throw unreachable(
                    "the fabric in %s is not running (its process is gone): start it with 'weft up'"
                            .formatted(folder()));
        }
        return file.zookeeper();
    }

    private static CliFailure unreachable(String message) {
        return new CliFailure(ExitCode.UNREACHABLE, message);
    }

    private static String checked(String connectString) {
        for (String server : connectString.split(",", -1)) {
            if (NodeAddress.unresolved(server).filter(at -> at.getPort() > 0).isEmpty()) {
                throw CliFailure.usage(
                        "--zookeeper '" + connectString + "' is not HOST:PORT[,HOST:PORT…]");
            }
        }
        return connectString;
    }
}
