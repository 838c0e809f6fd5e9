package weft.ops.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The terminal in raw mode: every key goes to the guest at once, also Ctrl-C. The earlier mode comes
/// back at [#close], and at the process's end whatever ends it. Without a terminal (a pipe, a test)
/// nothing is changed.
public final class RawTerminal implements AutoCloseable {
    /// Ctrl-] leaves, as with telnet and virsh.
    public static final byte ESCAPE = 0x1d;

    private final @Nullable String savedMode;
    private final Thread restoring = new Thread(this::restore, "restore-terminal");

    private RawTerminal(@Nullable String savedMode) {
        this.savedMode = savedMode;
    }

    /// Switches to raw mode if standard input is a terminal.
    public static RawTerminal enter() {
        if (!Terminal.isInteractive()) {
            return new RawTerminal(null);
        }
        String mode = stty(List.of("-g"));
        if (mode == null) {
            return new RawTerminal(null);
        }
        var terminal = new RawTerminal(mode);
        Runtime.getRuntime().addShutdownHook(terminal.restoring);
        var _ = stty(List.of("raw", "-echo"));
        return terminal;
    }

    /// Where the escape key is among the bytes, or -1.
    public static int indexOfEscape(byte[] bytes, int lengthBytes) {
        for (int i = 0; i < lengthBytes; i++) {
            if (bytes[i] == ESCAPE) {
                return i;
            }
        }
        return -1;
    }

    private void restore() {
        if (savedMode != null) {
            var _ = stty(List.of(savedMode));
        }
    }

    @Override
    public void close() {
        if (savedMode == null) {
            return;
        }
        restore();
        try {
            Runtime.getRuntime().removeShutdownHook(restoring);
        } catch (IllegalStateException e) {
            // Already shutting down: the hook restores once more, which changes nothing.
        }
    }

    private static @Nullable String stty(List<String> arguments) {
        try {
            var command = Stream.concat(Stream.of("stty"), arguments.stream()).toList();
            Process process =
                    new ProcessBuilder(command)
                            .redirectInput(ProcessBuilder.Redirect.INHERIT)
                            .redirectError(ProcessBuilder.Redirect.DISCARD)
                            .start();
            byte[] answer = process.getInputStream().readAllBytes();
            return process.waitFor(5, TimeUnit.SECONDS) && process.exitValue() == 0
                    ? new String(answer, StandardCharsets.US_ASCII).strip()
                    : null;
        } catch (IOException e) {
            return null;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return null;
        }
    }
}
