package weft.vmhost.machine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.runtime.BootClock;
import weft.vmhost.isa.asm.Assembler;
import weft.volume.FileVolume;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// M-mode firmware: a small one of our own, and Debian's OpenSBI and U-Boot where they are
/// installed (packages `opensbi` and `u-boot-qemu`).
class FirmwareBootTest {
    private static final Path OPENSBI =
            Path.of("/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin");
    private static final Path OPENSBI_ELF =
            Path.of("/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.elf");
    private static final Path U_BOOT = Path.of("/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin");
    private static final byte[] NONE = {};

    private final CountDownLatch ended = new CountDownLatch(1);

    private Machine machine(int harts, Boot boot) {
        return machine(EngineKind.INTERPRETER, harts, boot, List.of());
    }

    private Machine machine(EngineKind engine, int harts, Boot boot, List<MachineSpec.Disk> disks) {
        var spec = new MachineSpec("firmware", 256L << 20, harts, boot, disks, List.of());
        var listener =
                new Machine.Listener() {
                    @Override
                    public void powerChanged(PowerState state) {
                        ended.countDown();
                    }
                };
        return new Machine(spec, BootClock.SYSTEM, engine, listener);
    }

    private static byte[] installed(Path file) throws IOException {
        Assumptions.assumeTrue(
                Files.isReadable(file), file + " is missing (apt-get install opensbi u-boot-qemu)");
        return Files.readAllBytes(file);
    }

    /// Looks at what fw_dynamic is told, and goes where it says in S-mode; that ends the machine.
    @Test
    void firmwareFindsTheNextStageByTheRom() throws InterruptedException {
        String firmware =
                """
                    bnez a0, park
                    ld   t0, 0(a2)
                    li   t1, 0x4942534f
                    bne  t0, t1, fail
                    lwu  t0, 0(a1)
                    li   t1, 0x%x
                    bne  t0, t1, fail
                    li   t0, 0x1000
                    ld   t1, 24(t0)
                    la   t2, begin
                    bne  t1, t2, fail
                    ld   t1, 32(t0)
                    bne  t1, a1, fail
                    ld   t0, 16(a2)
                    csrw mepc, t0
                    li   t0, -1
                    csrw pmpaddr0, t0
                    li   t0, 31
                    csrw pmpcfg0, t0
                    li   t0, 0x800
                    csrw mstatus, t0
                    mret
                fail:
                    li   t0, 0x13333
                    li   t1, 0x100000
                    sw   t0, 0(t1)
                park:
                    j    .+0
                """
                        .formatted(Integer.toUnsignedLong(Integer.reverseBytes(0xd00dfeed)));
        String next = "li t0, 0x5555\n li t1, 0x100000\n sw t0, 0(t1)\n j .+0\n";
        byte[] first = new Assembler(MemoryLayout.RAM).add("begin:\n" + firmware).assemble();
        byte[] second = new Assembler(MemoryLayout.RAM + (2 << 20)).add(next).assemble();
        try (Machine machine = machine(2, new FirmwareBoot(first, second, NONE, ""))) {
            machine.start();
            assertTrue(ended.await(60, TimeUnit.SECONDS), "it did not end");
            assertEquals(new PowerState.Off(), machine.state());
        }
    }

    @Test
    void theRomIsThatOfQemu() {
        var boot = new FirmwareBoot(new byte[] {1}, NONE, NONE, "");
        KernelLoader.Placement placement = boot.place(64L << 20);
        ByteBuffer rom = ByteBuffer.wrap(boot.rom(placement)).order(ByteOrder.LITTLE_ENDIAN);
        String vector =
                """
                    auipc t0, 0
                    addi a2, t0, 40
                    csrr a0, mhartid
                    ld   a1, 32(t0)
                    ld   t0, 24(t0)
                    jr   t0
                """;
        var code = new byte[24];
        rom.get(code);
        assertArrayEquals(new Assembler(MemoryLayout.BOOT_ROM).add(vector).assemble(), code);
        assertEquals(MemoryLayout.RAM, rom.getLong());
        assertEquals(placement.treeAddress(), rom.getLong());
    }

    @Test
    void whatDoesNotFitIsRefused() {
        var large = new byte[40 << 20];
        var small = new byte[] {1};
        List<FirmwareBoot> wrong =
                List.of(
                        new FirmwareBoot(NONE, NONE, NONE, ""),
                        new FirmwareBoot(new byte[3 << 20], small, NONE, ""),
                        new FirmwareBoot(small, large, NONE, ""),
                        new FirmwareBoot(small, small, large, ""));
        for (FirmwareBoot boot : wrong) {
            assertThrows(BootRefused.class, () -> boot.place(32L << 20));
        }
    }

    @Test
    void aStageOfAnotherMachineIsNamedByItsStage() {
        byte[] elf = new ElfFile(MemoryLayout.RAM).bytes();
        elf[ElfFile.MACHINE] = 62;
        var small = new byte[] {1};
        assertRefused("firmware: program is an ELF of another machine", elf, small);
        assertRefused("next stage: program is an ELF of another machine", small, elf);
        assertRefused("next stage is gzip", small, new byte[] {0x1f, (byte) 0x8b, 8});
    }

    private static void assertRefused(String reason, byte[] firmware, byte[] next) {
        var boot = new FirmwareBoot(firmware, next, NONE, "");
        var refused = assertThrows(BootRefused.class, () -> boot.place(32L << 20));
        String message = String.valueOf(refused.getMessage());
        assertTrue(message.startsWith(reason), message);
    }

    @Test
    void openSbiGoesOnToUBootsPrompt() throws IOException, InterruptedException {
        byte[] uBoot = installed(U_BOOT);
        for (Path opensbi : List.of(OPENSBI, OPENSBI_ELF)) {
            try (Machine machine =
                    machine(2, new FirmwareBoot(installed(opensbi), uBoot, NONE, ""))) {
                machine.start();
                var line = new DebianGuest(machine.console());
                line.await("OpenSBI v");
                line.await("Platform HART Count       : 2");
                line.await("U-Boot 20");
                line.await("Hit any key");
                line.type("");
                line.await("=> ");
                line.type("poweroff");
                assertTrue(ended.await(60, TimeUnit.SECONDS), "U-Boot did not switch off");
            }
        }
    }

    @Test
    @Tag("long")
    void openSbiGoesOnToADebianKernel() throws IOException, InterruptedException {
        MachineSpec.BootImage kernel = DebianGuest.bootImage("quiet");
        var boot =
                new FirmwareBoot(
                        installed(OPENSBI), kernel.kernel(), kernel.initrd(), kernel.arguments());
        try (Machine machine = machine(2, boot)) {
            machine.start();
            var guest = new DebianGuest(machine.console());
            guest.await("OpenSBI v");
            guest.awaitShell();
            assertTrue(guest.run("nproc").contains("2"));
            guest.type("poweroff -f");
            assertTrue(ended.await(60, TimeUnit.SECONDS));
        }
    }

    /// As an installed system boots: U-Boot finds extlinux.conf on the disk, and the kernel by it.
    @Test
    @Tag("long")
    @Timeout(value = 8, unit = TimeUnit.MINUTES)
    void uBootLoadsADebianKernelFromAVirtioDisk(@TempDir Path folder)
            throws IOException, InterruptedException {
        Path disk = bootDisk(folder, DebianGuest.bootImage("quiet"));
        var boot = new FirmwareBoot(installed(OPENSBI), installed(U_BOOT), NONE, "");
        try (FileVolume volume = FileVolume.open(disk);
                Machine machine =
                        machine(
                                EngineKind.best(),
                                2,
                                boot,
                                List.of(new MachineSpec.Disk("boot", volume)))) {
            machine.start();
            var guest = new DebianGuest(machine.console());
            guest.await("U-Boot 20");
            guest.await("Found /extlinux/extlinux.conf");
            guest.await("Starting kernel");
            guest.awaitShell();
            assertTrue(guest.run("cat /proc/cmdline").contains("from=disk"));
            assertTrue(guest.run("nproc").contains("2"));
            guest.type("poweroff -f");
            assertTrue(ended.await(60, TimeUnit.SECONDS));
        }
    }

    /// One partition, ext4, marked as the one to boot.
    private static Path bootDisk(Path folder, MachineSpec.BootImage kernel)
            throws IOException, InterruptedException {
        Path mkfs = Path.of("/usr/sbin/mkfs.ext4");
        Assumptions.assumeTrue(
                Files.isExecutable(mkfs), mkfs + " is missing (apt-get install e2fsprogs)");
        Path root = folder.resolve("root");
        Files.createDirectories(root.resolve("extlinux"));
        Files.write(root.resolve("Image"), kernel.kernel());
        Files.write(root.resolve("initrd"), kernel.initrd());
        Files.writeString(
                root.resolve("extlinux/extlinux.conf"),
                """
                default debian
                label debian
                  linux /Image
                  initrd /initrd
                  append %s from=disk
                """
                        .formatted(kernel.arguments()));
        Path partition = folder.resolve("partition");
        Process made =
                new ProcessBuilder(
                                mkfs.toString(),
                                "-q",
                                "-d",
                                root.toString(),
                                partition.toString(),
                                "64M")
                        .redirectErrorStream(true)
                        .start();
        String said = new String(made.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, made.waitFor(), said);
        int startSector = 2048;
        int sectors = (int) (Files.size(partition) / 512);
        // Entry 0: active 1 · first CHS 3 · type 1 · last CHS 3 · start 4 · sectors 4; then 55 aa.
        ByteBuffer record = ByteBuffer.allocate(512).order(ByteOrder.LITTLE_ENDIAN);
        record.put(446, (byte) 0x80).put(450, (byte) 0x83);
        record.putInt(454, startSector).putInt(458, sectors).putShort(510, (short) 0xaa55);
        Path disk = folder.resolve("disk");
        try (FileChannel out =
                        FileChannel.open(
                                disk, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileChannel in = FileChannel.open(partition)) {
            out.write(record, 0);
            // Behind its end a file takes nothing: first it is made as long.
            out.write(ByteBuffer.allocate(1), 512L * (startSector + sectors) - 1);
            assertEquals(in.size(), out.transferFrom(in, 512L * startSector, in.size()));
        }
        return disk;
    }
}
