package weft.vmhost.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import weft.runtime.BootClock;
import weft.vmhost.device.SerialConsole;
import weft.vmhost.isa.asm.Assembler;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// A kernel that is no Image, but an ELF or raw code: what it finds when it is entered in S-mode,
/// with the machine's own SBI and behind OpenSBI, and that QEMU's `-M virt -kernel` shows it the
/// same.
class SupervisorKernelTest {
    private static final Path OPENSBI =
            Path.of("/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin");
    private static final String QEMU = "qemu-system-riscv64";
    private static final byte[] NONE = {};
    private static final int EXIT_CODE = 7;

    /// Prints "<", the bits 20 to 23 of where it runs, its hart, "T" if a1 is a device tree, "Z" if
    /// the memory behind it is zero, ">"; reads a register of S-mode, and ends with code 7.
    private static final String GUEST =
            """
            start:
                auipc s2, 0
                mv   s0, a0
                mv   s1, a1
                csrr t0, sstatus
                li   s3, 60
                jal  ra, print
                srli s3, s2, 20
                andi s3, s3, 15
                addi s3, s3, 48
                jal  ra, print
                addi s3, s0, 48
                jal  ra, print
                lwu  t0, 0(s1)
                li   t1, 0x%x
                li   s3, 84
                beq  t0, t1, print_tree
                li   s3, 63
            print_tree:
                jal  ra, print
                la   t0, behind
                ld   t1, 0(t0)
                li   s3, 90
                beqz t1, print_zero
                li   s3, 63
            print_zero:
                jal  ra, print
                li   s3, 62
                jal  ra, print
                li   t0, 0x73333
                li   t1, 0x100000
                sw   t0, 0(t1)
                j    .+0
            print:
                mv   a0, s3
                li   a7, 1
                ecall
                ret
            .align 3
            behind:
            """
                    .formatted(Integer.toUnsignedLong(Integer.reverseBytes(0xd00dfeed)));

    @TempDir private Path folder = Path.of("set by JUnit");

    private record Ended(int exitCode, String printed) {
        /// Firmware has printed before.
        static Ended of(int exitCode, String console) {
            return new Ended(exitCode, console.substring(Math.max(0, console.lastIndexOf('<'))));
        }
    }

    private static Ended here(Boot boot) throws InterruptedException {
        var spec = new MachineSpec("kernel", 128L << 20, 1, boot, List.of(), List.of());
        var ended = new CountDownLatch(1);
        var listener =
                new Machine.Listener() {
                    @Override
                    public void powerChanged(PowerState state) {
                        ended.countDown();
                    }
                };
        try (var machine = new Machine(spec, BootClock.SYSTEM, listener)) {
            machine.start();
            assertTrue(ended.await(60, TimeUnit.SECONDS), "it did not end");
            var printed = new byte[16 << 10];
            SerialConsole.Chunk chunk = machine.console().read(0, printed, Duration.ZERO);
            int code = machine.state() instanceof PowerState.Failed(int failed) ? failed : 0;
            return Ended.of(
                    code, new String(printed, 0, chunk.lengthBytes(), StandardCharsets.US_ASCII));
        }
    }

    private Ended inQemu(byte[] kernel) throws IOException, InterruptedException {
        Path file = Files.write(folder.resolve("kernel"), kernel);
        Path console = folder.resolve("console");
        Process qemu =
                new ProcessBuilder(
                                QEMU,
                                "-M",
                                "virt",
                                "-display",
                                "none",
                                "-serial",
                                "stdio",
                                "-monitor",
                                "none",
                                "-kernel",
                                file.toString())
                        .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
                        .redirectOutput(console.toFile())
                        .start();
        if (!qemu.waitFor(60, TimeUnit.SECONDS)) {
            qemu.destroyForcibly().waitFor();
        }
        return Ended.of(qemu.exitValue(), Files.readString(console, StandardCharsets.ISO_8859_1));
    }

    private void runsAsInQemu(String expected, byte[] kernel)
            throws IOException, InterruptedException {
        runsAsInQemu(new Ended(EXIT_CODE, expected), kernel);
    }

    private void runsAsInQemu(Ended wanted, byte[] kernel)
            throws IOException, InterruptedException {
        assertEquals(wanted, here(new MachineSpec.BootImage(kernel, NONE, "")));
        Assumptions.assumeTrue(
                Files.isReadable(OPENSBI), OPENSBI + " is missing (apt-get install opensbi)");
        assertEquals(wanted, here(new FirmwareBoot(Files.readAllBytes(OPENSBI), kernel, NONE, "")));
        boolean qemu =
                Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
                        .anyMatch(path -> Files.isExecutable(Path.of(path, QEMU)));
        Assumptions.assumeTrue(qemu, "needs qemu-system-riscv64 (qemu-system-misc)");
        assertEquals(wanted, inQemu(kernel));
    }

    @Test
    void rawCodeIsEnteredBehindTheFirmwaresPlace() throws IOException, InterruptedException {
        runsAsInQemu("<20TZ>", new Assembler(MemoryLayout.NEXT_STAGE).add(GUEST).assemble());
    }

    @Test
    void anElfIsLoadedAtItsPhysicalAddress() throws IOException, InterruptedException {
        long virtual = 0xffff_ffff_8000_0000L;
        byte[] code = new Assembler(virtual).add(GUEST).assemble();
        var elf = new ElfFile(virtual).load(virtual, MemoryLayout.RAM + 0x40_0000, code, 0x2000);
        runsAsInQemu("<40TZ>", elf.bytes());
    }

    /// Version 0.1 of SBI: an interrupt of one's own is cleared; nothing is typed; shutdown is exit
    /// code 0.
    @Test
    void theCallsOfTheFirstSbiWork() throws IOException, InterruptedException {
        String guest =
                """
                    csrrsi x0, sip, 2
                    li   s3, 60
                    jal  ra, print
                    li   a7, 3
                    ecall
                    csrr t0, sip
                    andi t0, t0, 2
                    addi s3, t0, 48
                    jal  ra, print
                    li   a7, 2
                    ecall
                    addi s3, a0, 49
                    jal  ra, print
                    li   a7, 8
                    ecall
                    j    .+0
                print:
                    mv   a0, s3
                    li   a7, 1
                    ecall
                    ret
                """;
        runsAsInQemu(
                new Ended(0, "<00"), new Assembler(MemoryLayout.NEXT_STAGE).add(guest).assemble());
    }

    /// As FreeBSD's kernel: what SBI enters is in front of the ELF's entry.
    @Test
    void anElfIsEnteredAtItsFirstByteWhateverItsEntryIs() throws IOException, InterruptedException {
        long at = MemoryLayout.RAM + 0x60_0000;
        byte[] code = new Assembler(at).add(GUEST + "elsewhere: j .+0\n").assemble();
        runsAsInQemu("<60T?>", new ElfFile(at + code.length - 4).load(at, code, 0x2000).bytes());
    }
}
