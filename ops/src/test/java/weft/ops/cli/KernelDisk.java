package weft.ops.cli;

import org.junit.jupiter.api.Assumptions;

import weft.fixtures.Await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;

/// An NBD export as a disk of this machine's kernel, with what every Debian has: `nbdfuse` shows
/// the export as a file, a loop device makes it a disk, and the kernel's file system is mounted on
/// that. What was set up is taken down in the opposite order, also when it was set up in part.
final class KernelDisk implements AutoCloseable {
    private static final int END_SECONDS_MAX = 30;

    private final Deque<Step> undo = new ArrayDeque<>();
    private final Path folder;
    private final String device;

    private interface Step {
        void take() throws Exception;
    }

    private KernelDisk(String uri, Path folder) throws Exception {
        this.folder = folder;
        try {
            Path file = showAsFile(uri);
            device = Program.run("losetup", "--find", "--show", file.toString()).strip();
            undo.push(() -> Program.run("losetup", "--detach", device));
        } catch (Exception | AssertionError e) {
            try {
                close();
            } catch (IOException left) {
                e.addSuppressed(left);
            }
            throw e;
        }
    }

    /// Skips the test where the kernel, or who runs us, does not let us have such a disk.
    static void assumePossible() throws Exception {
        Program.assumeThere("nbdfuse", "losetup", "unshare", "mount", "umount");
        Assumptions.assumeTrue(
                Files.isReadable(Path.of("/dev/fuse")) && Files.isWritable(Path.of("/dev/fuse")),
                "no FUSE: /dev/fuse is missing or not ours");
        Program.Ended free = Program.end("losetup", "--find");
        Assumptions.assumeTrue(free.exitCode() == 0, "no loop device: " + free.output());
        Program.Ended mounts = Program.end("unshare", "--mount", "true");
        Assumptions.assumeTrue(mounts.exitCode() == 0, "may not mount: " + mounts.output());
    }

    /// @param folder is made, for what is mounted
    static KernelDisk attach(String uri, Path folder) throws Exception {
        Files.createDirectory(folder);
        return new KernelDisk(uri, folder);
    }

    private Path showAsFile(String uri) throws Exception {
        Path shown = Files.createDirectory(folder.resolve("export"));
        Path file = shown.resolve("disk");
        Process nbdfuse =
                new ProcessBuilder("nbdfuse", file.toString(), uri)
                        .redirectErrorStream(true)
                        .redirectOutput(folder.resolve("nbdfuse.txt").toFile())
                        .start();
        undo.push(() -> {
            // It ends by itself when it is unmounted.
            if (!nbdfuse.waitFor(END_SECONDS_MAX, TimeUnit.SECONDS)) {
                nbdfuse.destroyForcibly();
                throw new AssertionError("nbdfuse does not end");
            }
        });
        undo.push(() -> {
            if (isMounted(shown)) {
                Program.run("umount", shown.toString());
            } else {
                nbdfuse.destroy();
            }
        });
        Await.until(
                "nbdfuse shows " + uri,
                () -> {
                    if (!nbdfuse.isAlive()) {
                        throw new AssertionError(Files.readString(folder.resolve("nbdfuse.txt")));
                    }
                    return Files.exists(file);
                });
        return file;
    }

    /// The block device.
    String device() {
        return device;
    }

    /// Mounts its file system.
    ///
    /// @param options of `mount -o`
    Path mount(String options) throws Exception {
        Path at = Files.createDirectory(folder.resolve("mounted"));
        Program.run("mount", "-t", "ext4", "-o", options, device, at.toString());
        undo.push(() -> {
            Program.run("umount", at.toString());
            Files.delete(at);
        });
        return at;
    }

    /// Takes back what [#mount] did.
    void unmount() throws Exception {
        undo.pop().take();
    }

    private static boolean isMounted(Path at) throws IOException {
        return Files.readAllLines(Path.of("/proc/self/mounts")).stream()
                .anyMatch(line -> line.split(" ")[1].equals(at.toString()));
    }

    @Override
    public void close() throws IOException {
        Throwable first = null;
        while (!undo.isEmpty()) {
            try {
                undo.pop().take();
            } catch (Exception | AssertionError e) {
                first = first == null ? e : first;
            }
        }
        if (first != null) {
            throw new IOException("not all of " + folder + " could be taken down", first);
        }
    }
}
