package weft.ops.cli.emu;

import weft.vmhost.device.SerialConsole;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Optional;

/// Carries bytes between a guest's serial line and this process's standard input and output, until
/// the person leaves with Ctrl-] or the console is closed.
final class ConsoleSession {
    /// Ctrl-], as in telnet: no program in a guest uses it.
    static final int ESCAPE = 0x1d;

    private static final Duration PATIENCE = Duration.ofMillis(200);

    private final SerialConsole console;
    private final Runnable onLeave;
    private final boolean escapes;
    private final Thread output;
    private volatile String outputTrouble = "";

    /// @param escapes whether Ctrl-] leaves: only when a person types it
    ConsoleSession(SerialConsole console, boolean escapes, Runnable onLeave) {
        this.console = console;
        this.escapes = escapes;
        this.onLeave = onLeave;
        output = Thread.ofPlatform().name("console-output").daemon(true).unstarted(this::carryOut);
    }

    void start() {
        output.start();
        Thread.ofPlatform().name("console-input").daemon(true).start(this::carryIn);
    }

    /// Waits until everything the guest printed has been written; the console is closed.
    void awaitOutput() throws InterruptedException {
        output.join(Duration.ofSeconds(5));
    }

    /// Why what the guest printed could not be written, if it could not.
    Optional<String> outputTrouble() {
        return Optional.of(outputTrouble).filter(why -> !why.isEmpty());
    }

    private void carryOut() {
        var chunk = new byte[8192];
        long position = 0;
        // Not closed: it is the process's own.
        OutputStream out = new FileOutputStream(FileDescriptor.out);
        try {
            while (true) {
                boolean last = console.isClosed();
                SerialConsole.Chunk read = console.read(position, chunk, PATIENCE);
                out.write(chunk, 0, read.lengthBytes());
                position = read.nextPosition();
                if (last && read.lengthBytes() == 0) {
                    return;
                }
            }
        } catch (IOException e) {
            // Nobody reads us any more (a closed pipe), or the disk is full: the guest need not run
            // for nobody.
            outputTrouble = String.valueOf(e.getMessage());
            onLeave.run();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void carryIn() {
        var chunk = new byte[256];
        InputStream in = new FileInputStream(FileDescriptor.in);
        try {
            for (int count = in.read(chunk); count >= 0; count = in.read(chunk)) {
                int length = escapes ? indexOfEscape(chunk, count) : count;
                type(chunk, length);
                if (length < count) {
                    onLeave.run();
                    return;
                }
            }
        } catch (IOException e) {
            // No more input, as at its end: the guest runs on without.
            return;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static int indexOfEscape(byte[] chunk, int count) {
        for (int i = 0; i < count; i++) {
            if (chunk[i] == ESCAPE) {
                return i;
            }
        }
        return count;
    }

    private void type(byte[] chunk, int length) throws InterruptedException {
        int typed = 0;
        while (typed < length && !console.isClosed()) {
            typed += console.type(chunk, typed, length - typed);
            if (typed < length) {
                console.awaitInputRoom(PATIENCE);
            }
        }
    }
}
