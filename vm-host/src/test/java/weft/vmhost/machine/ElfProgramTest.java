package weft.vmhost.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.sim.Seed;
import weft.vmhost.memory.GuestMemory;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Consumer;

class ElfProgramTest {
    private static final long RAM = MemoryLayout.RAM;
    private static final long MEMORY_BYTES = 32L << 20;

    private static ElfFile plain() {
        return new ElfFile(RAM + 4).load(RAM, new byte[64], 128);
    }

    private static byte[] changed(Consumer<ByteBuffer> change) {
        byte[] file = plain().bytes();
        change.accept(ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN));
        return file;
    }

    private static void assertRefused(String reason, byte[] file) {
        BootRefused refused =
                assertThrows(BootRefused.class, () -> ElfProgram.parse(file).place(MEMORY_BYTES));
        String message = String.valueOf(refused.getMessage());
        assertTrue(message.contains(reason), message);
        assertEquals(1, message.lines().count());
    }

    @Test
    void aProgramIsEnteredAtItsEntry() {
        KernelLoader.Placement placement = ElfProgram.parse(plain().bytes()).place(MEMORY_BYTES);
        assertEquals(RAM + 4, placement.entry());
        assertTrue(placement.treeAddress() >= RAM + 128);
    }

    @Test
    void aFileOfAnotherKindIsNamedSo() {
        assertRefused("no ELF", new byte[4096]);
        assertRefused("x86-64", changed(elf -> elf.putShort(ElfFile.MACHINE, (short) 62)));
        assertRefused("big-endian", changed(elf -> elf.put(5, (byte) 2)));
        byte[] small = changed(elf -> elf.put(4, (byte) 1));
        assertRefused("32-bit", small);
        // Its header is the shorter one.
        assertRefused("32-bit", Arrays.copyOf(small, 52));
        assertRefused("not linked", changed(elf -> elf.putShort(ElfFile.TYPE, (short) 1)));
    }

    @Test
    void aPositionIndependentProgramIsEnteredWhereItIsLinked() {
        byte[] file = changed(elf -> elf.putShort(ElfFile.TYPE, (short) 3));
        assertEquals(RAM + 4, ElfProgram.parse(file).entry());
        ElfFile atZero = new ElfFile(0).load(0, new byte[64], 64);
        assertRefused("-no-pie", atZero.bytes());
    }

    @Test
    void absurdProgramHeadersAreRefused() {
        assertRefused(
                "absurd", changed(elf -> elf.putShort(ElfFile.PROGRAM_HEADERS, (short) 65_535)));
        assertRefused(
                "absurd", changed(elf -> elf.putShort(ElfFile.PROGRAM_HEADER_BYTES, (short) 1)));
        assertRefused(
                "truncated", changed(elf -> elf.putLong(ElfFile.PROGRAM_TABLE, Long.MAX_VALUE)));
        assertRefused("truncated", changed(elf -> elf.putLong(ElfFile.PROGRAM_TABLE, -1)));
        assertRefused("truncated", changed(elf -> elf.putLong(64 + 8, Long.MIN_VALUE)));
        assertRefused("truncated", changed(elf -> elf.putLong(64 + 32, Long.MAX_VALUE)));
        assertRefused("absurd", changed(elf -> elf.putLong(64 + 40, 63)));
        assertRefused("absurd", changed(elf -> elf.putLong(64 + 40, -1)));
        assertRefused(
                "nothing to load",
                changed(elf -> elf.putShort(ElfFile.PROGRAM_HEADERS, (short) 0)));
    }

    @Test
    void loadsMustLieInRamApartFromEachOther() {
        assertRefused("no RAM", changed(elf -> elf.putLong(64 + 24, 0x1000)));
        assertRefused("no RAM", changed(elf -> elf.putLong(64 + 24, -4096)));
        assertRefused("too small", changed(elf -> elf.putLong(64 + 40, MEMORY_BYTES)));
        byte[] content = new byte[64];
        assertRefused(
                "overlapping",
                new ElfFile(RAM).load(RAM, content, 128).load(RAM + 127, content, 64).bytes());
    }

    @Test
    void theEntryMustLieInWhatTheFileHolds() {
        assertRefused("entry", changed(elf -> elf.putLong(ElfFile.ENTRY, RAM + 64)));
        assertRefused("entry", changed(elf -> elf.putLong(ElfFile.ENTRY, RAM - 2)));
        assertRefused("entry", changed(elf -> elf.putLong(ElfFile.ENTRY, RAM + 1)));
    }

    @Test
    void aWordForTheHostMustLieInRam() {
        assertRefused("tohost", plain().symbol("tohost", 64).bytes());
        assertRefused("tohost", plain().symbol("tohost", RAM + 4).bytes());
        assertRefused("fromhost", plain().symbol("tohost", RAM).symbol("fromhost", -8).bytes());
    }

    @Test
    void aTruncatedFileIsRefusedAtAnyLength() {
        byte[] file = plain().symbol("tohost", RAM + 64).bytes();
        for (int length = 0; length < file.length; length++) {
            byte[] cut = Arrays.copyOf(file, length);
            assertThrows(BootRefused.class, () -> ElfProgram.parse(cut), "length " + length);
        }
    }

    @Test
    void whateverTheBytesAreTheyAreLoadedOrRefused() {
        byte[] file = plain().symbol("tohost", RAM + 64).symbol("fromhost", RAM + 72).bytes();
        for (long seed : Seed.runs(2000)) {
            var random = new Random(seed);
            byte[] damaged = file.clone();
            for (int i = random.nextInt(4); i >= 0; i--) {
                damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
            }
            Seed.replayable(seed, () -> loadOrRefuse(damaged));
        }
    }

    private static void loadOrRefuse(byte[] file) {
        try (var memory = new GuestMemory(RAM, MEMORY_BYTES)) {
            ElfProgram program = ElfProgram.parse(file);
            program.place(MEMORY_BYTES);
            program.load(memory);
        } catch (BootRefused e) {
            assertTrue(String.valueOf(e.getMessage()).contains("program"));
        }
    }

    @Test
    void memoryBehindTheFilesBytesIsZeroAfterEveryLoad() {
        byte[] content = {1, 2, 3};
        ElfProgram program =
                ElfProgram.parse(new ElfFile(RAM).load(RAM, content, 3 * 4096).bytes());
        try (var memory = new GuestMemory(RAM, MEMORY_BYTES)) {
            memory.store8(RAM + 3, 0x55);
            memory.store64(RAM + 3 * 4096 - 8, -1);
            memory.store64(RAM + 3 * 4096, -1);
            program.load(memory);
            assertEquals(0x0003_0201, memory.load32(RAM));
            assertEquals(0, memory.load64(RAM + 3 * 4096 - 8));
            assertEquals(-1, memory.load64(RAM + 3 * 4096));
        }
    }
}
