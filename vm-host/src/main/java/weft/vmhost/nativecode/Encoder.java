package weft.vmhost.nativecode;

import java.util.Arrays;

/// The bytes of x86-64 instructions: prefixes, opcode, operands. What [Assembler] has mnemonics
/// for.
sealed class Encoder permits Assembler {
    /// The prefix of an operation on 64 bits.
    static final int WIDE = 0x48;

    private byte[] code = new byte[4096];
    private int size;

    int size() {
        return size;
    }

    byte[] bytes() {
        return Arrays.copyOf(code, size);
    }

    void putLong(long value) {
        putInt((int) value);
        putInt((int) (value >>> 32));
    }

    void putInt(int value) {
        ensure(4);
        putInt(size, value);
        size += 4;
    }

    void putShort(int value) {
        put(value);
        put(value >> 8);
    }

    void putInt(int at, int value) {
        code[at] = (byte) value;
        code[at + 1] = (byte) (value >> 8);
        code[at + 2] = (byte) (value >> 16);
        code[at + 3] = (byte) (value >> 24);
    }

    void put(int value) {
        ensure(1);
        code[size++] = (byte) value;
    }

    void ensure(int more) {
        if (size + more > code.length) {
            code = Arrays.copyOf(code, 2 * code.length);
        }
    }

    void encode(int rex, int opcode, int register, Operand operand) {
        if (opcode >>> 16 != 0) {
            put(opcode >>> 16);
        }
        int prefix =
                rex
                        | register >> 3 << 2
                        | (operand.index() == Operand.NO_INDEX ? 0 : operand.index() >> 3 << 1)
                        | operand.base() >> 3;
        // movzx and movsx read bytes, which name sil and dil only with a prefix.
        boolean ofByte =
                (opcode & 0xFFFF) == Assembler.MOVZX8 || (opcode & 0xFFFF) == Assembler.MOVSX8;
        if (prefix != 0 || ofByte && operand.isRegister() && operand.base() >= 4) {
            put(0x40 | prefix);
        }
        if ((opcode & 0xFF00) != 0) {
            put(0x0F);
        }
        put(opcode);
        operand(register, operand);
    }

    void vex(int pp, int map, boolean wide, int opcode, int register, int first, Operand operand) {
        put(0xC4);
        int index = operand.index() == Operand.NO_INDEX ? 0 : operand.index() >> 3;
        put((register >> 3 ^ 1) << 7 | (index ^ 1) << 6 | (operand.base() >> 3 ^ 1) << 5 | map);
        put((wide ? 0x80 : 0) | (first ^ 15) << 3 | pp);
        put(opcode);
        operand(register, operand);
    }

    /// ModRM, SIB and displacement.
    void operand(int register, Operand operand) {
        int reg = (register & 7) << 3;
        int base = operand.base() & 7;
        if (operand.isRegister()) {
            put(0xC0 | reg | base);
            return;
        }
        boolean indexed = operand.index() != Operand.NO_INDEX;
        // As a base, rbp and r13 need a displacement, rsp and r12 an index byte.
        int mode;
        if (operand.disp() == 0 && base != Assembler.RBP) {
            mode = 0;
        } else if (operand.disp() == (byte) operand.disp()) {
            mode = 0x40;
        } else {
            mode = 0x80;
        }
        if (indexed || base == Assembler.RSP) {
            put(mode | reg | 4);
            int index = indexed ? operand.index() & 7 : 4;
            put(operand.scaleShift() << 6 | index << 3 | base);
        } else {
            put(mode | reg | base);
        }
        if (mode == 0x40) {
            put(operand.disp());
        } else if (mode == 0x80) {
            putInt(operand.disp());
        }
    }
}
