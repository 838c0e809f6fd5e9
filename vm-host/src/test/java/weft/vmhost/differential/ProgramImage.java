package weft.vmhost.differential;

import weft.vmhost.isa.asm.Assembler;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/// A picture of RAM that runs many programs one after the other and keeps what each left behind.
///
/// ```
/// 0          dispatcher, trap handler, program table     (Firmware)
/// 0x10000    page tables                                 (TestPageTables)
/// 0x20000    pages the page tables give odd rights to
/// 0x40000    per program and lap: a Slot of 16 KiB: inputs, results, trap log, scratch memory
/// then       the programs' code
/// ```
final class ProgramImage {
    static final long RAM_BASE = 0x8000_0000L;
    static final long POWER_ADDRESS = 0x10_0000L;
    static final int POWER_OFF = 0x5555;
    static final int TABLES_OFFSET = 0x1_0000;
    static final int WINDOW_OFFSET = 0x2_0000;
    static final int SLOTS_OFFSET = 0x4_0000;
    static final int SLOT_BYTES = 0x4000;

    /// Where things are in a slot. Registers are x0..x31, f0..f31, fcsr.
    static final int INPUTS = 0;

    static final int RESULTS = 0x400;
    static final int FCSR = 64 * 8;
    static final int TRAP_COUNT = 65 * 8;
    static final int CSRS = 66 * 8;
    static final int TRAP_LOG = 0x800;
    static final int TRAP_LOG_ENTRIES = 64;
    static final int TRAP_LOG_ENTRY_BYTES = 32;
    static final int SCRATCH = 0x2000;
    static final int SCRATCH_BYTES = 0x2000;

    private final byte[] ram;
    private final List<? extends TestProgram> programs;
    private final int laps;
    private final List<Long> codeAddresses = new ArrayList<>();
    private int usedBytes;

    private ProgramImage(byte[] ram, List<? extends TestProgram> programs, int laps) {
        this.ram = ram;
        this.programs = programs;
        this.laps = laps;
    }

    static ProgramImage of(List<? extends TestProgram> programs, int sizeBytes) {
        return of(programs, 1, sizeBytes);
    }

    /// @param laps how often all programs run, each time in a slot of its own and with inputs of
    ///   its own: a translator has seen the code before the last time
    static ProgramImage of(List<? extends TestProgram> programs, int laps, int sizeBytes) {
        ProgramImage image = new ProgramImage(new byte[sizeBytes], programs, laps);
        image.build();
        return image;
    }

    byte[] ram() {
        return ram.clone();
    }

    /// Above it QEMU puts a device tree.
    int usedBytes() {
        return usedBytes;
    }

    /// Of a program, by the number of its slot.
    long codeAddress(int slot) {
        return codeAddresses.get(slot % programs.size());
    }

    static long slotAddress(int program) {
        return RAM_BASE + SLOTS_OFFSET + (long) program * SLOT_BYTES;
    }

    private void build() {
        ByteBuffer bytes = ByteBuffer.wrap(ram).order(ByteOrder.LITTLE_ENDIAN);
        TestPageTables.write(bytes);
        StringBuilder table = new StringBuilder();
        int count = programs.size();
        long code = slotAddress(count * laps);
        for (int i = 0; i < count; i++) {
            TestProgram program = programs.get(i);
            Assembler assembler = new Assembler(code).add(program.text());
            byte[] assembled = assembler.assemble();
            bytes.put((int) (code - RAM_BASE), assembled);
            long end = assembler.address("end");
            codeAddresses.add(code);
            for (int lap = 0; lap < laps; lap++) {
                appendEntry(table, lap * count + i, code, end);
                writeSlot(bytes, lap * count + i, lap, code);
            }
            code = code + assembled.length + 15 & -16L;
        }
        usedBytes = (int) (code - RAM_BASE);
        byte[] firmware = Firmware.assemble(table.toString());
        if (firmware.length > TABLES_OFFSET) {
            throw new IllegalStateException("too many programs for the table");
        }
        bytes.put(0, firmware);
    }

    private void appendEntry(StringBuilder table, int i, long code, long end) {
        TestProgram.Mode mode = programs.get(i % programs.size()).mode();
        long slot = slotAddress(i);
        long[] entry = {
            code, end, slot + INPUTS, slot + RESULTS, slot + TRAP_LOG, satp(mode), mode.status()
        };
        for (long value : entry) {
            table.append(".dword 0x").append(Long.toHexString(value)).append('\n');
        }
    }

    private static long satp(TestProgram.Mode mode) {
        return switch (mode) {
            case MACHINE -> 0;
            case SUPERVISOR, SUPERVISOR_SEES_USER, SUPERVISOR_READS_CODE ->
                    TestPageTables.supervisorSatp();
            case USER -> TestPageTables.userSatp();
        };
    }

    private void writeSlot(ByteBuffer bytes, int i, int lap, long code) {
        TestProgram program = programs.get(i % programs.size());
        int slot = SLOTS_OFFSET + i * SLOT_BYTES;
        long scratch = slotAddress(i) + SCRATCH;
        putWords(bytes, slot + INPUTS, program.inputs(lap, code, scratch));
        putWords(bytes, slot + SCRATCH, program.scratch(code, scratch));
    }

    private static void putWords(ByteBuffer bytes, int at, long[] words) {
        for (int i = 0; i < words.length; i++) {
            bytes.putLong(at + 8 * i, words[i]);
        }
    }
}
