package weft.ops.bench;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Makes programs of the kernels in this package's resources, bare-metal or for Linux without a C
/// library, with Debian's compiler for riscv64.
final class CrossCompiler {
    /// The compiler.
    static final String PROGRAM = "riscv64-linux-gnu-gcc";

    private static final String PACKAGE = "gcc-riscv64-linux-gnu";
    private static final List<String> HEADERS =
            List.of(
                    "kernel.h",
                    "linux.h",
                    "devices.h",
                    "network.h",
                    "guest-net.c",
                    "kernel.ld",
                    "integer.c");
    private static final int SECONDS_MAX = 120;

    private static final List<String> OPTIONS =
            List.of(
                    "-O2",
                    "-std=gnu17",
                    "-march=rv64gc",
                    "-mabi=lp64d",
                    "-mcmodel=medany",
                    "-ffreestanding",
                    "-fno-pie",
                    "-fno-math-errno",
                    "-fno-tree-loop-distribute-patterns",
                    "-fno-stack-protector",
                    "-fno-asynchronous-unwind-tables",
                    "-nostdlib",
                    "-static",
                    "-no-pie",
                    "-Wl,--build-id=none",
                    "-Wl,-z,max-page-size=4096",
                    "-Wl,-z,separate-code");

    private final Path folder;

    /// @param folder where sources and programs go
    CrossCompiler(Path folder) {
        this.folder = folder;
    }

    /// A bare-metal program.
    ///
    /// @param repetitions after which the program ends by itself
    Path build(String kernel, int repetitions) throws IOException, InterruptedException {
        return build(
                kernel, repetitions, List.of("start.S", "kernel.c"), List.of("-T", "kernel.ld"));
    }

    /// A static program for Linux.
    ///
    /// @param repetitions after which the program ends by itself
    Path buildForLinux(String kernel, int repetitions) throws IOException, InterruptedException {
        return build(kernel, repetitions, List.of("linux.c"), List.of());
    }

    private Path build(String kernel, int repetitions, List<String> runtime, List<String> layout)
            throws IOException, InterruptedException {
        Host.require(PROGRAM, PACKAGE);
        var sources = new ArrayList<>(runtime);
        sources.add(kernel + ".c");
        for (String name : HEADERS) {
            extract(name);
        }
        for (String name : sources) {
            extract(name);
        }
        Path program = folder.resolve(kernel + ".elf").toAbsolutePath();
        var command = new ArrayList<String>();
        command.add(PROGRAM);
        command.addAll(OPTIONS);
        command.addAll(layout);
        command.add("-DREPETITIONS=" + repetitions);
        command.addAll(sources);
        command.addAll(List.of("-o", program.toString()));
        run(command, kernel);
        return program;
    }

    private void extract(String name) throws IOException {
        try (InputStream in = CrossCompiler.class.getResourceAsStream("cpu/" + name)) {
            if (in == null) {
                throw new IOException("resource cpu/" + name + " is missing");
            }
            Files.write(folder.resolve(name), in.readAllBytes());
        }
    }

    private void run(List<String> command, String kernel) throws IOException, InterruptedException {
        Path log = folder.resolve(kernel + ".log");
        Process compiler =
                new ProcessBuilder(command)
                        .directory(folder.toFile())
                        .redirectErrorStream(true)
                        .redirectOutput(log.toFile())
                        .start();
        if (!compiler.waitFor(SECONDS_MAX, TimeUnit.SECONDS)) {
            compiler.destroyForcibly().waitFor();
            throw new IOException("the compiler did not end in " + SECONDS_MAX + " s");
        }
        if (compiler.exitValue() != 0) {
            String said = Files.readString(log, StandardCharsets.UTF_8);
            throw new IOException(
                    "%s does not compile: %s"
                            .formatted(kernel, said.lines().findFirst().orElse("no message")));
        }
    }
}
