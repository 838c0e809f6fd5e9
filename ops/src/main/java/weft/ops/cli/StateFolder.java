package weft.ops.cli;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Option;

import java.nio.file.Path;

/// Where this machine keeps its fabric and the cache of images.
public final class StateFolder {
    @Option(
            names = "--dir",
            paramLabel = "FOLDER",
            description = "State folder of the fabric (default: $$WEFT_HOME or ~/.weft).")
    private @Nullable Path folder;

    /// The state folder; it may not exist yet.
    public Path path() {
        if (folder != null) {
            return folder.toAbsolutePath().normalize();
        }
        String state = Terminal.environment("WEFT_HOME");
        if (state != null && !state.isBlank()) {
            return Path.of(state).toAbsolutePath().normalize();
        }
        // What a shell means by ~; Java's own user.home is that of the account.
        String home = Terminal.environment("HOME");
        return Path.of(
                        home == null || home.isBlank() ? System.getProperty("user.home") : home,
                        ".weft")
                .toAbsolutePath()
                .normalize();
    }
}
