package weft.vmhost.isa.asm;

/// Where one operand stands in an instruction word, and what it may be.
///
/// Immediates are scattered; `scatter` names, for each bit of the word from `scatterHigh` down, the
/// bit of the immediate that stands there, as the tables of the manual do.
public enum OperandField {
    RD(Kind.X, 7, 0, 31),
    RS1(Kind.X, 15, 0, 31),
    RS2(Kind.X, 20, 0, 31),
    /// The address of a cache block, alone between parentheses.
    BLOCK(Kind.X, 15, 0, 31),
    FRD(Kind.F, 7, 0, 31),
    FRS1(Kind.F, 15, 0, 31),
    FRS2(Kind.F, 20, 0, 31),
    FRS3(Kind.F, 27, 0, 31),
    /// Optional in text; `dyn` if not given.
    RM(Kind.ROUNDING, 12, 0, 7),
    /// The rounding mode of a conversion that is always exact; `rne` if not given.
    RM_OF_EXACT(Kind.ROUNDING, 12, 0, 7),
    CSR(Kind.CSR, 20, 0, 4095),
    ZIMM(Kind.IMMEDIATE, 15, 0, 31),
    SHAMT5(Kind.IMMEDIATE, 20, 0, 31),
    SHAMT6(Kind.IMMEDIATE, 20, 0, 63),
    IMM_I(Kind.IMMEDIATE, 20, -2048, 2047),
    IMM_S(-2048, 2047, 1, 31, "11 10 9 8 7 6 5 - - - - - - - - - - - - - 4 3 2 1 0"),
    IMM_B(Kind.TARGET, -4096, 4094, 2, 31, "12 10 9 8 7 6 5 - - - - - - - - - - - - - 4 3 2 1 11"),
    IMM_U(Kind.IMMEDIATE, 12, 0, 0xfffff),
    IMM_J(
            Kind.TARGET,
            -(1 << 20),
            (1 << 20) - 2,
            2,
            31,
            "20 10 9 8 7 6 5 4 3 2 1 11 19 18 17 16 15 14 13 12"),

    // Compressed.
    C_RD(Kind.X, 7, 1, 31),
    C_RS2(Kind.X, 2, 1, 31),
    C_RS2_ANY(Kind.X, 2, 0, 31),
    C_RD_NOT_SP(Kind.X, 7, 3, 31),
    C_FRD(Kind.F, 7, 0, 31),
    C_FRS2(Kind.F, 2, 0, 31),
    C_RD_LOW(Kind.X_LOW, 7, 8, 15),
    C_RS1_LOW(Kind.X_LOW, 7, 8, 15),
    C_RS2_LOW(Kind.X_LOW, 2, 8, 15),
    C_FRS2_LOW(Kind.F_LOW, 2, 8, 15),
    /// The stack pointer, written but not encoded.
    SP(Kind.X, 0, 2, 2),
    C_IMM6(-32, 31, 1, 12, "5 - - - - - 4 3 2 1 0"),
    C_SHAMT(1, 63, 1, 12, "5 - - - - - 4 3 2 1 0"),
    /// The upper immediate, as [#IMM_U] would take it: 1 to 31, or 0xfffe0 to 0xfffff.
    C_IMM_UPPER(-32, 31, 1, 12, "5 - - - - - 4 3 2 1 0"),
    C_ADDI16SP(-512, 496, 16, 12, "9 - - - - - 4 6 8 7 5"),
    C_ADDI4SPN(4, 1020, 4, 12, "5 4 9 8 7 6 2 3"),
    C_OFFSET_W(0, 124, 4, 12, "5 4 3 - - - 2 6"),
    C_OFFSET_D(0, 248, 8, 12, "5 4 3 - - - 7 6"),
    C_LWSP(0, 252, 4, 12, "5 - - - - - 4 3 2 7 6"),
    C_LDSP(0, 504, 8, 12, "5 - - - - - 4 3 8 7 6"),
    C_SWSP(0, 252, 4, 12, "5 4 3 2 7 6"),
    C_SDSP(0, 504, 8, 12, "5 4 3 8 7 6"),
    C_BRANCH(Kind.TARGET, -256, 254, 2, 12, "8 4 3 - - - 7 6 2 1 5"),
    C_JUMP(Kind.TARGET, -2048, 2046, 2, 12, "11 4 9 8 10 6 7 3 2 1 5");

    /// What the text of the operand is.
    public enum Kind {
        X,
        F,
        X_LOW,
        F_LOW,
        ROUNDING,
        CSR,
        IMMEDIATE,
        TARGET
    }

    private final Kind kind;
    private final int min;
    private final int max;
    private final int step;
    private final int shift;
    private final String[] scatter;

    OperandField(Kind kind, int shift, int min, int max) {
        this(kind, min, max, 1, shift, "");
    }

    OperandField(int min, int max, int step, int scatterHigh, String scatter) {
        this(Kind.IMMEDIATE, min, max, step, scatterHigh, scatter);
    }

    OperandField(Kind kind, int min, int max, int step, int shift, String scatter) {
        this.kind = kind;
        this.min = min;
        this.max = max;
        this.step = step;
        this.shift = shift;
        this.scatter = scatter.isEmpty() ? new String[0] : scatter.split(" ");
    }

    public Kind kind() {
        return kind;
    }

    public int min() {
        return min;
    }

    public int max() {
        return max;
    }

    public int step() {
        return step;
    }

    boolean isOptional() {
        return kind == Kind.ROUNDING;
    }

    /// The operand's bits in the word.
    int encode(int value) {
        if (value < min || value > max || (value - min) % step != 0) {
            throw new IllegalArgumentException(
                    "%s cannot hold %d (%d..%d by %d)".formatted(this, value, min, max, step));
        }
        if (this == SP) {
            return 0;
        }
        if (scatter.length == 0) {
            return (kind == Kind.X_LOW || kind == Kind.F_LOW ? value - 8 : value) << shift;
        }
        int word = 0;
        for (int i = 0; i < scatter.length; i++) {
            if (!scatter[i].equals("-")) {
                word |= (value >> Integer.parseInt(scatter[i]) & 1) << (shift - i);
            }
        }
        return word;
    }
}
