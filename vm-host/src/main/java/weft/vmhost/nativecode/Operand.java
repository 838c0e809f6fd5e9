package weft.vmhost.nativecode;

/// A register, or memory at base + disp, or at base + index + disp.
record Operand(int base, int index, int disp, boolean isRegister) {
    static final int NO_INDEX = -1;

    static Operand register(int number) {
        return new Operand(number, NO_INDEX, 0, true);
    }

    static Operand memory(int base, int disp) {
        return new Operand(base, NO_INDEX, disp, false);
    }

    static Operand indexed(int base, int index, int disp) {
        return new Operand(base, index, disp, false);
    }
}
