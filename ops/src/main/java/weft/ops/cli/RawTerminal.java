package weft.ops.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/// The person's terminal while it belongs to a guest: every key goes through as it is, nothing is
/// echoed. Given back by [#close()], and at the end of the process whatever its reason but kill -9.
public final class RawTerminal implements AutoCloseable {
    /// Ctrl-] leaves, as with telnet and virsh.
    public static final byte ESCAPE = 0x1d;

    private final String saved;
    private final Thread atExit;

    private RawTerminal(String saved) {
        this.saved = saved;
        atExit = new Thread(this::restore, "terminal-restore");
    }

    /// Takes the terminal that standard input is.
    public static RawTerminal take() throws IOException {
        var terminal = new RawTerminal(stty("-g").strip());
        Runtime.getRuntime().addShutdownHook(terminal.atExit);
        stty("raw", "-echo");
        return terminal;
    }

    private static String stty(String... arguments) throws IOException {
        var command = new java.util.ArrayList<String>();
        command.add("stty");
        command.addAll(java.util.List.of(arguments));
        Process process =
                new ProcessBuilder(command)
                        .redirectInput(ProcessBuilder.Redirect.INHERIT)
                        .redirectError(ProcessBuilder.Redirect.DISCARD)
                        .start();
        try {
            var output =
                    new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
            if (!process.waitFor(5, TimeUnit.SECONDS) || process.exitValue() != 0) {
                process.destroy();
                throw new IOException("the terminal cannot be put into raw mode (stty failed)");
            }
            return output;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private void restore() {
        try {
            stty(saved);
        } catch (IOException e) {
            System.err.println("weft: the terminal may need 'stty sane': " + e.getMessage());
        }
    }

    @Override
    public void close() {
        if (Runtime.getRuntime().removeShutdownHook(atExit)) {
            restore();
        }
    }
}
