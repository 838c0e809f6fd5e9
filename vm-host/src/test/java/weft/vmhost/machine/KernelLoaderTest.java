package weft.vmhost.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.vmhost.memory.GuestMemory;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.GZIPOutputStream;

class KernelLoaderTest {
    private static final long MEMORY_BYTES = 128L << 20;

    static byte[] image(int fileBytes, long imageBytes) {
        return ByteBuffer.allocate(fileBytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(8, 0x20_0000)
                .putLong(16, imageBytes)
                .putInt(56, 0x0543_5352)
                .array();
    }

    private static byte[] cpio() {
        String header = "070701" + "00000000".repeat(11) + "0000000b" + "00000000" + "TRAILER!!!\0";
        byte[] padded = Arrays.copyOf(header.getBytes(StandardCharsets.US_ASCII), 124);
        return padded;
    }

    private static byte[] gzip(byte[] bytes) throws IOException {
        var out = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(out)) {
            gzip.write(bytes);
        }
        return out.toByteArray();
    }

    private static byte[] elf(int machine) {
        return ByteBuffer.allocate(64)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(0, 0x464c_457f)
                .put(5, (byte) 1)
                .putShort(18, (short) machine)
                .array();
    }

    private static String refusal(byte[] kernel, byte[] initrd, long memoryBytes) {
        var boot = new MachineSpec.BootImage(kernel, initrd, "");
        return String.valueOf(
                assertThrows(BootRefused.class, () -> KernelLoader.place(boot, memoryBytes))
                        .getMessage());
    }

    private static void assertRefused(String reason, byte[] kernel, byte[] initrd, long memory) {
        String message = refusal(kernel, initrd, memory);
        assertTrue(message.contains(reason), message);
        assertEquals(1, message.lines().count());
    }

    @Test
    void aFileThatIsNoKernelIsNamedSo() {
        byte[] none = new byte[0];
        assertRefused("empty", none, none, MEMORY_BYTES);
        assertRefused("gzip", new byte[] {0x1f, (byte) 0x8b, 8, 0}, none, MEMORY_BYTES);
        assertRefused("uImage", new byte[] {0x27, 5, 0x19, 0x56}, none, MEMORY_BYTES);
        byte[] zboot = "MZ\0\0zimg".getBytes(StandardCharsets.US_ASCII);
        assertRefused("zboot", zboot, none, MEMORY_BYTES);
    }

    private static KernelLoader.Placement place(byte[] kernel) {
        return KernelLoader.place(new MachineSpec.BootImage(kernel, new byte[0], ""), MEMORY_BYTES);
    }

    @Test
    void whatIsNoImageAndNoElfIsRawCode() {
        assertEquals(MemoryLayout.NEXT_STAGE, place(new byte[10]).entry());
        assertEquals(MemoryLayout.NEXT_STAGE, place(new byte[4096]).entry());
        assertRefused("too small", new byte[32 << 20], new byte[0], 32 << 20);
    }

    @Test
    void anElfIsEnteredAtItsFirstByteUnlessItsHeaderIsThere() {
        long at = MemoryLayout.RAM + 0x40_0000;
        long virtual = 0xffff_ffff_8000_0000L;
        var code = new byte[64];
        assertEquals(
                at, place(new ElfFile(virtual + 8).load(virtual, at, code, 64).bytes()).entry());
        byte[] header = new ElfFile(at).bytes();
        assertEquals(at + 8, place(new ElfFile(at + 8).load(at, header, 64).bytes()).entry());
    }

    @Test
    void anElfThatDoesNotFitIsRefused() {
        long end = MemoryLayout.RAM + MEMORY_BYTES;
        long next = MemoryLayout.NEXT_STAGE;
        byte[] none = new byte[0];
        byte[] code = new byte[64];
        byte[] onTheTree = new ElfFile(end - 4096).load(end - 4096, code, 64).bytes();
        assertRefused("too small", onTheTree, none, MEMORY_BYTES);
        byte[] largeBss = new ElfFile(next).load(next, code, 200 << 20).bytes();
        assertRefused("at least 207 MiB", largeBss, none, MEMORY_BYTES);
        byte[] bareMetal = new ElfFile(MemoryLayout.RAM).load(MemoryLayout.RAM, code, 64).bytes();
        assertRefused("without --kernel", bareMetal, none, MEMORY_BYTES);
        byte[] low = new ElfFile(0).load(0, code, 64).bytes();
        assertRefused("no RAM", low, none, MEMORY_BYTES);
        byte[] cut = Arrays.copyOf(new ElfFile(next).load(next, code, 64).bytes(), 100);
        assertRefused("truncated", cut, none, MEMORY_BYTES);
    }

    @Test
    void anElfOfAnotherMachineIsNamedByItsMachine() {
        assertRefused("x86-64", elf(62), new byte[0], MEMORY_BYTES);
        assertRefused("AArch64", elf(183), new byte[0], MEMORY_BYTES);
        byte[] riscv = elf(243);
        riscv[4] = 1;
        assertRefused("32-bit RISC-V", riscv, new byte[0], MEMORY_BYTES);
        assertRefused("32-bit RISC-V", Arrays.copyOf(riscv, 52), new byte[0], MEMORY_BYTES);
    }

    @Test
    void aKernelOfAnotherMachineIsNamedByItsMachine() {
        byte[] arm = image(4096, 4096);
        ByteBuffer.wrap(arm).put(56, "ARMd".getBytes(StandardCharsets.US_ASCII));
        assertRefused("AArch64", arm, new byte[0], MEMORY_BYTES);
        byte[] x86 = new byte[4096];
        ByteBuffer.wrap(x86).put(0x202, "HdrS".getBytes(StandardCharsets.US_ASCII));
        assertRefused("x86", x86, new byte[0], MEMORY_BYTES);
    }

    @Test
    void aTruncatedKernelIsRefused() {
        assertRefused("truncated", image(4096, 1 << 20), new byte[0], MEMORY_BYTES);
    }

    @Test
    void memoryThatIsTooSmallIsRefusedWithTheSizeThatWouldDo() {
        byte[] kernel = image(1 << 20, 1 << 20);
        assertRefused("too small", kernel, new byte[0], 16 << 20);
        String message = refusal(kernel, new byte[0], 16 << 20);
        long enough = Long.parseLong(message.replaceAll(".*at least (\\d+) MiB", "$1")) << 20;
        KernelLoader.place(new MachineSpec.BootImage(kernel, new byte[0], ""), enough);
    }

    @Test
    void anImpossibleImageSizeIsRefused() {
        assertRefused("absurd", image(4096, Long.MAX_VALUE), new byte[0], MEMORY_BYTES);
        assertRefused("absurd", image(4096, -1), new byte[0], MEMORY_BYTES);
        for (long offset : new long[] {-4096, 1, 1L << 50}) {
            byte[] kernel = image(4096, 4096);
            ByteBuffer.wrap(kernel).order(ByteOrder.LITTLE_ENDIAN).putLong(8, offset);
            assertRefused("absurd", kernel, new byte[0], MEMORY_BYTES);
        }
    }

    @Test
    void aKernelTooLargeForRamIsRefusedWithTheSizeThatWouldDo() {
        String message = refusal(image(1 << 20, 300 << 20), new byte[0], MEMORY_BYTES);
        assertTrue(message.contains("truncated"), message);
        message = refusal(image(1 << 20, 2 << 20), new byte[0], 16 << 20);
        assertTrue(message.contains("at least 25 MiB"), message);
    }

    @Test
    void anInitramfsIsCheckedForBeingWhole() throws IOException {
        byte[] kernel = image(4096, 4096);
        byte[] whole = gzip(cpio());
        KernelLoader.place(new MachineSpec.BootImage(kernel, whole, ""), MEMORY_BYTES);
        KernelLoader.place(new MachineSpec.BootImage(kernel, cpio(), ""), MEMORY_BYTES);

        byte[] cut = Arrays.copyOf(whole, whole.length - 9);
        assertRefused("truncated", kernel, cut, MEMORY_BYTES);
        assertRefused("truncated", kernel, Arrays.copyOf(cpio(), 100), MEMORY_BYTES);
        assertRefused("no initramfs", kernel, new byte[100], MEMORY_BYTES);
        assertRefused("no cpio", kernel, gzip(new byte[100]), MEMORY_BYTES);
    }

    @Test
    void theImageIsPlacedByItsOffsetAndNothingOverlaps() throws IOException {
        var boot = new MachineSpec.BootImage(image(1 << 20, 1 << 20), gzip(cpio()), "");
        KernelLoader.Placement placement = KernelLoader.place(boot, MEMORY_BYTES);

        assertEquals(MemoryLayout.RAM + 0x20_0000, placement.entry());
        assertTrue(placement.initrdStart() >= placement.entry() + (1 << 20));
        assertEquals(0, placement.initrdStart() % GuestMemory.PAGE_BYTES);
        assertEquals(boot.initrd().length, placement.initrdEnd() - placement.initrdStart());
        assertTrue(placement.treeAddress() >= placement.initrdEnd());
        assertTrue(
                placement.treeAddress() + KernelLoader.TREE_BYTES_MAX
                        <= MemoryLayout.RAM + MEMORY_BYTES);
    }
}
