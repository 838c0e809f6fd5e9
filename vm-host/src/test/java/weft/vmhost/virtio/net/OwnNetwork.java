package weft.vmhost.virtio.net;

import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/// A network namespace for one test: that of a thread, and of the programs that it starts. It goes
/// with the thread and what the thread opened. Needs root; the test is skipped without.
final class OwnNetwork {
    private static final int CLONE_NEWNET = 0x4000_0000;

    /// What is to be done there.
    interface Body {
        void run() throws Exception;
    }

    private OwnNetwork() {}

    static void run(Body body) throws Exception {
        var task =
                new FutureTask<Void>(() -> {
                    enter();
                    body.run();
                    return null;
                });
        Thread.ofPlatform().name("own-network").start(task);
        try {
            task.get();
        } catch (ExecutionException e) {
            // As if the test had run on its own thread, also where it is skipped.
            if (e.getCause() instanceof Error cause) {
                throw cause;
            }
            throw e.getCause() instanceof Exception cause ? cause : e;
        }
    }

    @SuppressWarnings("restricted")
    private static void enter() throws Exception {
        Linker linker = Linker.nativeLinker();
        MethodHandle unshare =
                linker.downcallHandle(
                        linker.defaultLookup().findOrThrow("unshare"),
                        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
        int outcome;
        try {
            outcome = (int) unshare.invokeExact(CLONE_NEWNET);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
        Assumptions.assumeTrue(outcome == 0, "no right to make a network namespace");
        Assumptions.assumeTrue(run("ip", "link", "set", "lo", "up"), "no iproute2");
    }

    /// Runs `ip` with these words.
    static void ip(String words) throws IOException, InterruptedException {
        Assertions.assertTrue(run(("ip " + words).split(" ")), "ip " + words);
    }

    private static boolean run(String... command) throws IOException, InterruptedException {
        try {
            Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
            byte[] said = process.getInputStream().readAllBytes();
            boolean worked = process.waitFor() == 0;
            if (!worked) {
                System.out.print(new String(said, StandardCharsets.UTF_8));
            }
            return worked;
        } catch (IOException e) {
            System.out.println(e.getMessage());
            return false;
        }
    }
}
