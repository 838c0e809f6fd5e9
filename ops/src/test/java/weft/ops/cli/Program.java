package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Assumptions;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/// Programs of this machine, run to their end.
final class Program {
    private static final int LIMIT_SECONDS = 120;

    private Program() {}

    /// Skips the test that needs them if one is not installed.
    static void assumeThere(String... programs) {
        for (String program : programs) {
            Assumptions.assumeTrue(
                    VolumeSystemTest.isThere(program), program + " is not installed");
        }
    }

    /// How a program ended.
    record Ended(int exitCode, String output) {}

    /// What it prints, to standard output and error together; it must succeed.
    static String run(String... command) throws IOException, InterruptedException {
        Ended ended = end(command);
        assertEquals(0, ended.exitCode(), () -> String.join(" ", command) + "\n" + ended.output());
        return ended.output();
    }

    static Ended end(String... command) throws IOException, InterruptedException {
        // Not a pipe: a program that hangs must not hang who reads it.
        Path output = Files.createTempFile("weft-program", ".txt");
        try {
            Process process =
                    new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(output.toFile())
                            .start();
            try {
                process.getOutputStream().close();
                assertTrue(
                        process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS),
                        String.join(" ", command) + " does not end");
                return new Ended(process.exitValue(), Files.readString(output));
            } finally {
                process.destroyForcibly();
            }
        } finally {
            Files.delete(output);
        }
    }
}
