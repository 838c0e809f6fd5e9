package weft.ops.cli.emu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/// A guest of a few instructions of each kind, for [EmuTrain]: a kernel image that maps its memory,
/// then computes, loads, stores, calls, and asks its firmware, some hundred thousand times over
/// many pages of the same code, and shuts down.
final class TrainingGuest {
    private static final int PAGES = 48;
    private static final int LAPS = 2000;
    private static final int IMAGE_BYTES = (PAGES + 2) * 4096;

    // Registers by their names in the ABI.
    private static final int ZERO = 0;
    private static final int RA = 1;
    private static final int T0 = 5;
    private static final int T1 = 6;
    private static final int T2 = 7;
    private static final int S0 = 8;
    private static final int S1 = 9;
    private static final int A0 = 10;
    private static final int A1 = 11;
    private static final int A6 = 16;
    private static final int A7 = 17;
    private static final int S2 = 18;

    private static final int SATP = 0x180;
    private static final int SSTATUS = 0x100;
    private static final int TIME = 0xC01;
    private static final int SYSTEM_RESET = 0x53525354;

    /// With V, R, W, X, A and D.
    private static final long LEAF = 0xCF;

    private final ByteBuffer image =
            ByteBuffer.allocate(IMAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);

    private TrainingGuest() {}

    /// In the form that Linux documents in `Documentation/arch/riscv/boot-image-header.rst`.
    static byte[] image() {
        var guest = new TrainingGuest();
        guest.header();
        guest.mapMemory();
        guest.main();
        for (int page = 1; page <= PAGES; page++) {
            guest.function(page * 4096);
        }
        return guest.image.array();
    }

    private void header() {
        jump(ZERO, 64);
        image.putInt(0);
        image.putLong(0x20_0000);
        image.putLong(IMAGE_BYTES);
        image.position(32);
        image.putInt(2);
        image.position(48);
        image.put("RISCV".getBytes(StandardCharsets.US_ASCII));
        image.position(56);
        image.putInt(0x0543_5352);
        image.position(64);
    }

    /// One page table at RAM + 4 MiB: the first and the third gigabyte where they are.
    private void mapMemory() {
        upper(0x37, T0, 0x80400);
        immediate(0x13, 1, T0, T0, 32);
        immediate(0x13, 5, T0, T0, 32);
        immediate(0x13, 0, T1, ZERO, (int) LEAF);
        store(3, T0, T1, 0);
        upper(0x37, T1, 0x20000);
        immediate(0x13, 0, T1, T1, (int) LEAF);
        store(3, T0, T1, 16);
        immediate(0x13, 5, T0, T0, 12);
        immediate(0x13, 0, T1, ZERO, 8);
        immediate(0x13, 1, T1, T1, 60);
        register(0x33, 6, 0, T0, T0, T1);
        immediate(0x73, 1, ZERO, T0, SATP);
        register(0x73, 0, 9, ZERO, ZERO, ZERO);
        upper(0x37, T0, 6);
        immediate(0x73, 2, ZERO, T0, SSTATUS);
    }

    private void main() {
        immediate(0x13, 0, S1, ZERO, LAPS);
        int lap = image.position();
        immediate(0x73, 2, T0, ZERO, TIME);
        immediate(0x13, 0, A7, ZERO, 0x10);
        immediate(0x13, 0, A6, ZERO, 0);
        image.putInt(0x73);
        immediate(0x13, 0, S0, ZERO, PAGES);
        upper(0x17, S2, 1);
        immediate(0x13, 5, S2, S2, 12);
        immediate(0x13, 1, S2, S2, 12);
        int call = image.position();
        immediate(0x67, 0, RA, S2, 0);
        upper(0x37, T0, 1);
        register(0x33, 0, 0, S2, S2, T0);
        immediate(0x13, 0, S0, S0, -1);
        branch(1, S0, ZERO, call - image.position());
        image.putInt(0x100F);
        immediate(0x13, 0, S1, S1, -1);
        branch(1, S1, ZERO, lap - image.position());
        upper(0x37, A7, SYSTEM_RESET + 0x800 >>> 12);
        immediate(0x1B, 0, A7, A7, SYSTEM_RESET << 20 >> 20);
        immediate(0x13, 0, A6, ZERO, 0);
        immediate(0x13, 0, A0, ZERO, 0);
        immediate(0x13, 0, A1, ZERO, 0);
        image.putInt(0x73);
        jump(ZERO, 0);
    }

    /// Thirty rounds of a little of everything.
    private void function(int at) {
        image.position(at);
        upper(0x17, A1, 0x300);
        immediate(0x13, 0, T2, ZERO, 30);
        int round = image.position();
        store(3, A1, T2, 8);
        immediate(0x03, 3, T0, A1, 8);
        store(2, A1, T0, 0);
        immediate(0x03, 2, T1, A1, 0);
        store(0, A1, T0, 17);
        immediate(0x03, 4, T1, A1, 17);
        register(0x33, 0, 0, T0, T0, T1);
        register(0x33, 0, 1, T0, T0, T2);
        register(0x3B, 0, 0, T0, T0, T1);
        immediate(0x13, 1, T1, T0, 3);
        immediate(0x13, 0x5, T1, T1, 2);
        register(0x33, 4, 0, T0, T0, T1);
        register(0x33, 3, 0, T1, T0, T2);
        register(0x33, 5, 1, T0, T0, T2);
        register(0x2F, 3, 0, T0, A1, T1);
        register(0x53, 7, 0x69, 0, T2, 2);
        register(0x53, 7, 1, 1, 0, 0);
        register(0x53, 7, 9, 2, 1, 0);
        branch(0, T1, T0, 8);
        immediate(0x13, 7, T0, T0, 255);
        immediate(0x13, 0, T2, T2, -1);
        branch(1, T2, ZERO, round - image.position());
        immediate(0x67, 0, ZERO, RA, 0);
    }

    // --- the formats of instructions

    private void register(int opcode, int funct3, int funct7, int rd, int rs1, int rs2) {
        image.putInt(funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode);
    }

    private void immediate(int opcode, int funct3, int rd, int rs1, int value) {
        image.putInt(value << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode);
    }

    private void store(int funct3, int rs1, int rs2, int distance) {
        image.putInt(
                distance >> 5 << 25
                        | rs2 << 20
                        | rs1 << 15
                        | funct3 << 12
                        | (distance & 31) << 7
                        | 0x23);
    }

    private void branch(int funct3, int rs1, int rs2, int distance) {
        image.putInt(
                (distance >> 12 & 1) << 31
                        | (distance >> 5 & 63) << 25
                        | rs2 << 20
                        | rs1 << 15
                        | funct3 << 12
                        | (distance >> 1 & 15) << 8
                        | (distance >> 11 & 1) << 7
                        | 0x63);
    }

    private void jump(int rd, int distance) {
        image.putInt(
                (distance >> 20 & 1) << 31
                        | (distance >> 1 & 0x3FF) << 21
                        | (distance >> 11 & 1) << 20
                        | (distance >> 12 & 0xFF) << 12
                        | rd << 7
                        | 0x6F);
    }

    private void upper(int opcode, int rd, int value) {
        image.putInt(value << 12 | rd << 7 | opcode);
    }
}
