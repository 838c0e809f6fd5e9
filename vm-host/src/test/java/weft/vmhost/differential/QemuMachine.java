package weft.vmhost.differential;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/// `qemu-system-riscv64 -M virt` whose RAM is a file: written before, read after, no loader and no
/// console needed.
final class QemuMachine implements TestMachine {
    private static final String PROGRAM = "qemu-system-riscv64";
    private static final int SECONDS_MAX = 300;

    private final Path folder;

    QemuMachine(Path folder) {
        this.folder = folder;
    }

    static boolean isInstalled() {
        return Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
                .anyMatch(path -> Files.isExecutable(Path.of(path, PROGRAM)));
    }

    @Override
    public byte[] run(byte[] ram) throws IOException, InterruptedException {
        Path file = Files.createTempFile(folder, "ram", ".bin");
        Path log = folder.resolve("qemu.log");
        try {
            Files.write(file, ram);
            Process process = start(file, ram.length, log);
            if (!process.waitFor(SECONDS_MAX, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
                throw new IOException("QEMU did not end in " + SECONDS_MAX + " s");
            }
            if (process.exitValue() != 0) {
                throw new IOException(
                        "QEMU: exit " + process.exitValue() + ": " + Files.readString(log));
            }
            return Files.readAllBytes(file);
        } finally {
            Files.deleteIfExists(file);
        }
    }

    /// Our instruction set, but for what QEMU 7.2 has not (Zicond, Zicbom, Zicboz); what it has
    /// beyond is switched off.
    private static Process start(Path file, int sizeBytes, Path log) throws IOException {
        return new ProcessBuilder(
                        PROGRAM,
                        "-machine",
                        "virt,memory-backend=ram",
                        "-cpu",
                        "rv64,h=false,zbc=true,svinval=true,svnapot=true,svpbmt=true",
                        // With one hart QEMU makes a load and a store of an atomic, and misreports
                        // its faults as those of a load. The second one sleeps.
                        "-smp",
                        "2",
                        "-accel",
                        "tcg,thread=multi",
                        "-m",
                        sizeBytes / 1024 + "K",
                        "-object",
                        "memory-backend-file,id=ram,share=on,size="
                                + sizeBytes
                                + ",mem-path="
                                + file,
                        "-bios",
                        "none",
                        "-display",
                        "none",
                        "-serial",
                        "none",
                        "-monitor",
                        "none",
                        "-nodefaults")
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
    }
}
