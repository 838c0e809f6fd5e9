package weft.vmhost.nativecode;

/// A register, or memory at base + disp, or at base + (index << scaleShift) + disp.
record Operand(int base, int index, int scaleShift, int disp, boolean isRegister) {
    static final int NO_INDEX = -1;

    static Operand register(int number) {
        return new Operand(number, NO_INDEX, 0, 0, true);
    }

    static Operand memory(int base, int disp) {
        return new Operand(base, NO_INDEX, 0, disp, false);
    }

    static Operand indexed(int base, int index, int disp) {
        return new Operand(base, index, 0, disp, false);
    }

    /// An element of 8 bytes.
    static Operand element(int base, int index) {
        return scaled(base, index, 3, 0);
    }

    static Operand scaled(int base, int index, int scaleShift, int disp) {
        return new Operand(base, index, scaleShift, disp, false);
    }
}
