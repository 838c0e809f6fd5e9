package weft.vmhost.nativecode;

/// Encodes x86-64 instructions, as the "AMD64 Architecture Programmer's Manual, Volume 3" has them:
/// just those that [BlockWriter] and its like write. The code is made in an array, for the address
/// it will have ([#origin]); whoever takes it copies it there.
///
/// An operand that may be a register or memory is an [Operand]; a register alone is its number (0
/// rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp, 5 rbp, 6 rsi, 7 rdi, 8 to 15 r8 to r15; xmm likewise).
/// Mnemonics ending in `32` work on 32 bits and clear the upper half of a register they write.
final class Assembler extends Encoder {
    static final int RAX = 0;
    static final int RCX = 1;
    static final int RDX = 2;
    static final int RBX = 3;
    static final int RSP = 4;
    static final int RBP = 5;
    static final int RSI = 6;
    static final int RDI = 7;
    static final int R14_BUDGET = 14;
    static final int R15_WINDOW = 15;

    /// Opcodes of the two-operand arithmetic: the form `register ← register op operand`.
    static final int ADD = 0x03;

    static final int OR = 0x0B;
    static final int AND = 0x23;
    static final int SUB = 0x2B;
    static final int XOR = 0x33;
    static final int CMP = 0x3B;

    /// The digit of an immediate form follows from the opcode.
    private static int digit(int alu) {
        return alu >> 3;
    }

    // Condition codes, as in jcc, setcc and cmovcc.
    static final int BELOW = 0x2;
    static final int ABOVE_OR_EQUAL = 0x3;
    static final int EQUAL = 0x4;
    static final int NOT_EQUAL = 0x5;
    static final int BELOW_OR_EQUAL = 0x6;
    static final int ABOVE = 0x7;
    static final int SIGN = 0x8;
    static final int PARITY = 0xA;
    static final int NO_PARITY = 0xB;
    static final int LESS = 0xC;
    static final int GREATER_OR_EQUAL = 0xD;
    static final int LESS_OR_EQUAL = 0xE;
    static final int GREATER = 0xF;

    // Digits of the shift group.
    static final int ROL = 0;
    static final int ROR = 1;
    static final int SHL = 4;
    static final int SHR = 5;
    static final int SAR = 7;

    // Two-byte opcodes, with 0x0F in front, and a mandatory prefix where they have one.
    static final int BTS = 0x0FAB;
    static final int BTR = 0x0FB3;
    static final int BTC = 0x0FBB;
    static final int BSWAP = 0x0FC8;
    static final int POPCNT = 0xF30FB8;
    static final int TZCNT = 0xF30FBC;
    static final int LZCNT = 0xF30FBD;
    static final int MOVZX8 = 0x0FB6;
    static final int MOVZX16 = 0x0FB7;
    static final int MOVSX8 = 0x0FBE;
    static final int MOVSX16 = 0x0FBF;
    static final int IMUL = 0x0FAF;

    /// `movsxd`, of 32 bits.
    static final int MOVSX32 = 0x63;

    static final int MOV = 0x8B;
    static final int LEA = 0x8D;
    static final int TEST = 0x85;
    static final int XCHG = 0x87;

    // Prefixes of a VEX encoding.
    static final int PP_NONE = 0;
    static final int PP_66 = 1;
    static final int PP_F3 = 2;
    static final int PP_F2 = 3;
    static final int MAP_0F = 1;
    static final int MAP_0F38 = 2;
    static final int MAP_0F3A = 3;

    private final long origin;

    /// @param origin the address where the first byte will be executed
    Assembler(long origin) {
        this.origin = origin;
    }

    long origin() {
        return origin;
    }

    // --- labels and jumps

    void bind(Label label) {
        label.bind(size());
        label.waiting().forEach(at -> putInt(at, size() - (at + 4)));
    }

    void jump(Label label) {
        put(0xE9);
        distance(label);
    }

    void jump(int condition, Label label) {
        put(0x0F);
        put(0x80 | condition);
        distance(label);
    }

    /// To code outside of what is being written, at most 2 GiB away.
    void jumpTo(long address) {
        put(0xE9);
        distanceTo(address);
    }

    void jumpTo(int condition, long address) {
        put(0x0F);
        put(0x80 | condition);
        distanceTo(address);
    }

    void jumpRegister(int register) {
        if (register >= 8) {
            put(0x41);
        }
        put(0xFF);
        put(0xE0 | register & 7);
    }

    void jump(Operand target) {
        encode(0, 0xFF, 4, target);
    }

    /// `lea register, [rip + …]`.
    void loadAddress(int register, Label label) {
        put(WIDE | register >> 3 << 2);
        put(0x8D);
        put(0x05 | (register & 7) << 3);
        distance(label);
    }

    void loadAddress(int register, long address) {
        put(WIDE | register >> 3 << 2);
        put(0x8D);
        put(0x05 | (register & 7) << 3);
        distanceTo(address);
    }

    /// `mov register32, [rip + …]`.
    void load32At(int register, long address) {
        if (register >= 8) {
            put(0x44);
        }
        put(0x8B);
        put(0x05 | (register & 7) << 3);
        distanceTo(address);
    }

    private void distance(Label label) {
        if (label.isBound()) {
            putInt(label.position() - (size() + 4));
        } else {
            label.await(size());
            putInt(0);
        }
    }

    private void distanceTo(long address) {
        putInt(Math.toIntExact(address - (origin + size() + 4)));
    }

    // --- integers

    void mov(int register, Operand from) {
        if (from.isRegister() && from.base() == register) {
            return;
        }
        encode(WIDE, MOV, register, from);
    }

    void mov(int register, int from) {
        mov(register, Operand.register(from));
    }

    /// Clears the upper half also where both are one.
    void mov32(int register, Operand from) {
        encode(0, MOV, register, from);
    }

    void store(Operand to, int register) {
        encode(WIDE, 0x89, register, to);
    }

    void store32(Operand to, int register) {
        encode(0, 0x89, register, to);
    }

    void store16(Operand to, int register) {
        put(0x66);
        encode(0, 0x89, register, to);
    }

    /// Any register's low byte.
    void store8(Operand to, int register) {
        // With a REX prefix, 4 to 7 are spl to dil and not ah to bh.
        encode(register >= 4 ? 0x40 : 0, 0x88, register, to);
    }

    /// `mov qword to, value`.
    void storeImmediate(Operand to, int value) {
        encode(WIDE, 0xC7, 0, to);
        putInt(value);
    }

    void storeImmediate32(Operand to, int value) {
        encode(0, 0xC7, 0, to);
        putInt(value);
    }

    void movImmediate(int register, long value) {
        if (value == 0) {
            encode(0, XOR, register, Operand.register(register));
        } else if (value >>> 32 == 0) {
            if (register >= 8) {
                put(0x41);
            }
            put(0xB8 | register & 7);
            putInt((int) value);
        } else if (value == (int) value) {
            encode(WIDE, 0xC7, 0, Operand.register(register));
            putInt((int) value);
        } else {
            put(WIDE | register >> 3);
            put(0xB8 | register & 7);
            putInt((int) value);
            putInt((int) (value >>> 32));
        }
    }

    /// @param opcode one of the two-operand arithmetic, MOV, LEA, MOVSX32, or a two-byte one
    void op(int opcode, int register, Operand operand) {
        encode(WIDE, opcode, register, operand);
    }

    void op32(int opcode, int register, Operand operand) {
        encode(0, opcode, register, operand);
    }

    void op(int opcode, int register, int other) {
        encode(WIDE, opcode, register, Operand.register(other));
    }

    void op32(int opcode, int register, int other) {
        encode(0, opcode, register, Operand.register(other));
    }

    /// Two-operand arithmetic with a sign-extended immediate.
    void opImmediate(int alu, Operand to, int value) {
        immediate(WIDE, alu, to, value);
    }

    void opImmediate(int alu, int register, int value) {
        immediate(WIDE, alu, Operand.register(register), value);
    }

    void op32Immediate(int alu, Operand to, int value) {
        immediate(0, alu, to, value);
    }

    void op32Immediate(int alu, int register, int value) {
        immediate(0, alu, Operand.register(register), value);
    }

    private void immediate(int rex, int alu, Operand to, int value) {
        if (value == (byte) value) {
            encode(rex, 0x83, digit(alu), to);
            put(value);
        } else {
            encode(rex, 0x81, digit(alu), to);
            putInt(value);
        }
    }

    void shift(int digit, int register, int amount) {
        encode(WIDE, 0xC1, digit, Operand.register(register));
        put(amount);
    }

    void shift32(int digit, int register, int amount) {
        encode(0, 0xC1, digit, Operand.register(register));
        put(amount);
    }

    /// By the amount in cl.
    void shiftByCl(int digit, int register) {
        encode(WIDE, 0xD3, digit, Operand.register(register));
    }

    void shiftByCl32(int digit, int register) {
        encode(0, 0xD3, digit, Operand.register(register));
    }

    /// `bts`, `btr` or `btc` with a constant bit.
    void bitImmediate(int opcode, int register, int bit) {
        int digit =
                switch (opcode) {
                    case BTS -> 5;
                    case BTR -> 6;
                    default -> 7;
                };
        encode(WIDE, 0x0FBA, digit, Operand.register(register));
        put(bit);
    }

    /// The one-operand group: 2 not, 3 neg, 4 mul, 5 imul, 6 div, 7 idiv.
    void unary(int digit, Operand operand) {
        encode(WIDE, 0xF7, digit, operand);
    }

    void unary32(int digit, Operand operand) {
        encode(0, 0xF7, digit, operand);
    }

    /// `cqo`: the sign of rax into rdx.
    void signIntoRdx() {
        put(WIDE);
        put(0x99);
    }

    void signIntoRdx32() {
        put(0x99);
    }

    void bswap(int register) {
        put(WIDE | register >> 3);
        put(0x0F);
        put(0xC8 | register & 7);
    }

    /// The low byte of rax, rcx or rdx.
    void setcc(int condition, int register) {
        assert register < 4;
        encode(0, 0x0F90 | condition, 0, Operand.register(register));
    }

    void cmov(int condition, int register, Operand from) {
        encode(WIDE, 0x0F40 | condition, register, from);
    }

    void push(int register) {
        if (register >= 8) {
            put(0x41);
        }
        put(0x50 | register & 7);
    }

    void pop(int register) {
        if (register >= 8) {
            put(0x41);
        }
        put(0x58 | register & 7);
    }

    void ret() {
        put(0xC3);
    }

    /// The next instruction is done as one step, as seen by all processors.
    void lock() {
        put(0xF0);
    }

    /// `xadd [to], register`.
    void exchangeAdd(Operand to, int register, boolean wide) {
        encode(wide ? WIDE : 0, 0x0FC1, register, to);
    }

    void exchange(Operand to, int register, boolean wide) {
        encode(wide ? WIDE : 0, XCHG, register, to);
    }

    /// `cmpxchg [to], register`: compares with rax.
    void compareExchange(Operand to, int register, boolean wide) {
        encode(wide ? WIDE : 0, 0x0FB1, register, to);
    }

    // --- with a VEX prefix

    /// `shlx`, `shrx`, `sarx`: value shifted by a register.
    void shiftBy(int digit, int register, Operand value, int amount, boolean wide) {
        int pp =
                switch (digit) {
                    case SHL -> PP_66;
                    case SHR -> PP_F2;
                    default -> PP_F3;
                };
        vex(pp, MAP_0F38, wide, 0xF7, register, amount, value);
    }

    /// `rorx`: rotates right by a constant, leaves the flags alone.
    void rotateRight(int register, Operand value, int amount, boolean wide) {
        vex(PP_F2, MAP_0F3A, wide, 0xF0, register, 0, value);
        put(amount);
    }

    /// `andn`: register ← ~inverted & value.
    void andNot(int register, int inverted, Operand value) {
        vex(PP_NONE, MAP_0F38, true, 0xF2, register, inverted, value);
    }

    /// Three-operand form of one of the AVX or FMA instructions.
    void vector(int pp, int map, boolean wide, int opcode, int target, int first, Operand second) {
        vex(pp, map, wide, opcode, target, first, second);
    }

    /// `ldmxcsr` (digit 2) or `stmxcsr` (3).
    void controlFloats(int digit, Operand memory) {
        encode(0, 0x0FAE, digit, memory);
    }
}
