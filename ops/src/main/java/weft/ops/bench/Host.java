package weft.ops.bench;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// What a report says of the host, and which programs it has.
public final class Host {
    private Host() {}

    public static Report.Machine machine() throws IOException {
        String cpu =
                Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
                        .filter(line -> line.startsWith("model name"))
                        .map(line -> line.substring(line.indexOf(':') + 1).strip())
                        .findFirst()
                        .orElse(System.getProperty("os.arch"));
        return new Report.Machine(cpu, Runtime.getRuntime().availableProcessors());
    }

    /// The commit of the tree that holds this program; `unknown` outside of one.
    public static String commit() throws InterruptedException {
        try {
            Path code =
                    Path.of(
                            Host.class
                                    .getProtectionDomain()
                                    .getCodeSource()
                                    .getLocation()
                                    .getPath());
            Path folder = Files.isDirectory(code) ? code : code.resolveSibling(".");
            Process git =
                    new ProcessBuilder("git", "rev-parse", "--short", "HEAD")
                            .directory(folder.toFile())
                            .redirectError(ProcessBuilder.Redirect.DISCARD)
                            .start();
            String said =
                    new String(git.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
            boolean ended = git.waitFor(5, TimeUnit.SECONDS);
            return ended && git.exitValue() == 0 ? said.strip() : "unknown";
        } catch (IOException e) {
            // No git: the report does without.
            return "unknown";
        }
    }

    /// @throws IOException naming the package, if the program is not on the PATH
    public static void require(String program, String debianPackage) throws IOException {
        if (!isInstalled(program)) {
            throw new IOException(
                    "%s is not installed: apt install %s".formatted(program, debianPackage));
        }
    }

    public static boolean isInstalled(String program) {
        String path = System.getenv().getOrDefault("PATH", "");
        List<String> folders = Arrays.asList(path.split(File.pathSeparator));
        return folders.stream().anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
    }
}
