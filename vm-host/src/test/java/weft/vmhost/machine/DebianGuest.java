package weft.vmhost.machine;

import org.junit.jupiter.api.Assumptions;

import weft.vmhost.device.SerialConsole;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.stream.Stream;

/// The stock Debian kernel and an initramfs that prints "WEFT-READY" and gives a shell, where they
/// are at hand: `-Dweft.guest.kernel=FILE -Dweft.guest.initrd=FILE`, or the cache of `weft image
/// pull`.
public final class DebianGuest {
    private static final Duration PATIENCE = Duration.ofMinutes(5);

    private final SerialConsole console;
    private final StringBuilder printed = new StringBuilder();
    private long position;
    private int seen;

    public DebianGuest(SerialConsole console) {
        this.console = console;
    }

    /// Kernel and initramfs, or the test is skipped.
    public static MachineSpec.BootImage bootImage(String arguments) throws IOException {
        return new MachineSpec.BootImage(
                Files.readAllBytes(file("weft.guest.kernel", "kernel")),
                Files.readAllBytes(file("weft.guest.initrd", "initrd")),
                "console=ttyS0 " + arguments);
    }

    private static Path file(String property, String cached) throws IOException {
        String named = System.getProperty(property);
        Path file = named == null ? newestInCache().resolve(cached) : Path.of(named);
        Assumptions.assumeTrue(
                Files.isRegularFile(file),
                "no Debian guest at " + file + " (weft image pull debian-micro, or -D" + property);
        return file;
    }

    /// Where `weft image pull` keeps images: a folder each, with what it was made from in its name.
    private static Path newestInCache() throws IOException {
        String state = System.getenv("WEFT_HOME");
        Path home = Path.of(System.getProperty("user.home", ""), ".weft");
        Path images = (state == null ? home : Path.of(state)).resolve("cache/images");
        if (!Files.isDirectory(images)) {
            return images.resolve("debian-micro");
        }
        try (Stream<Path> all = Files.list(images)) {
            return all.filter(image -> image.getFileName().toString().startsWith("debian-micro-"))
                    .max(Comparator.comparing(image -> image.toFile().lastModified()))
                    .orElse(images.resolve("debian-micro"));
        }
    }

    /// Waits until the guest has printed this, behind what was waited for before.
    public void await(String text) throws InterruptedException {
        if (!appears(text, PATIENCE)) {
            throw new AssertionError("the guest did not print '" + text + "':\n" + printed);
        }
    }

    private boolean appears(String text, Duration patience) throws InterruptedException {
        var chunk = new byte[4096];
        long endNanos = System.nanoTime() + patience.toNanos();
        while (true) {
            int found = printed.indexOf(text, seen);
            if (found >= 0) {
                seen = found + text.length();
                return true;
            }
            if (System.nanoTime() > endNanos) {
                return false;
            }
            SerialConsole.Chunk read = console.read(position, chunk, Duration.ofMillis(100));
            position = read.nextPosition();
            printed.append(new String(chunk, 0, read.lengthBytes(), StandardCharsets.ISO_8859_1));
        }
    }

    /// Types Ctrl-C until there is a prompt: the signal goes to the process in the foreground, and
    /// one that has just ended, of a shell's loop, hears nothing.
    public void interrupt() throws InterruptedException {
        for (int i = 0; i < 20; i++) {
            console.type(new byte[] {3}, 0, 1);
            if (appears("# ", Duration.ofSeconds(2))) {
                return;
            }
        }
        throw new AssertionError("the guest cannot be interrupted:\n" + printed);
    }

    /// Waits for the shell's first prompt; what is typed before may be lost while the line is set
    /// up.
    public void awaitShell() throws InterruptedException {
        await("WEFT-READY");
        await("# ");
    }

    /// Types a line.
    public void type(String line) {
        byte[] bytes = (line + "\n").getBytes(StandardCharsets.US_ASCII);
        if (console.type(bytes, 0, bytes.length) != bytes.length) {
            throw new AssertionError("the line is too long: " + line);
        }
    }

    /// Types a command and waits for its end, and for the next prompt: what is typed before may be
    /// lost. What it printed is between.
    public String run(String command) throws InterruptedException {
        int start = seen;
        // The echo of the line does not contain the mark itself.
        type(command + "; echo DO''NE");
        await("DONE");
        int end = seen;
        await("# ");
        return printed.substring(start, end);
    }
}
