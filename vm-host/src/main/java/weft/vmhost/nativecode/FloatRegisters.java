package weft.vmhost.nativecode;

import static weft.vmhost.nativecode.Assembler.*;
import static weft.vmhost.nativecode.MemoryWriter.window;

import weft.vmhost.hart.HartWindow;

import java.util.Arrays;

/// Where the guest's floating-point registers are once translated code has begun to use them: the
/// fourteen that compilers use most in xmm2 to xmm15, the others in the hart's window. Until then,
/// and when code is left, they are in the hart's array.
///
/// ```
///   xmm0 xmm1      scratch, within one instruction
///   xmm2 to xmm9   ft0 to ft7
///   xmm10 to xmm15 fa0 to fa5
/// ```
final class FloatRegisters {
    private static final int COUNT = 32;
    private static final int NOT_PINNED = -1;
    private static final int LOAD_DOUBLE = 0x10;
    private static final int STORE_DOUBLE = 0x11;
    private static final int LOAD_PAIR = 0x6F;
    private static final int STORE_PAIR = 0x7F;

    private static final int[] HOST = new int[COUNT];

    static {
        Arrays.fill(HOST, NOT_PINNED);
        for (int guest = 0; guest < 8; guest++) {
            HOST[guest] = 2 + guest;
        }
        for (int guest = 10; guest < 16; guest++) {
            HOST[guest] = guest;
        }
    }

    private FloatRegisters() {}

    static boolean isPinned(int guest) {
        return HOST[guest] != NOT_PINNED;
    }

    static int host(int guest) {
        assert isPinned(guest);
        return HOST[guest];
    }

    /// All 64 bits of it, wherever it is.
    static Operand operand(int guest) {
        return isPinned(guest) ? Operand.register(HOST[guest]) : inWindow(guest);
    }

    /// The place of one that is not pinned.
    static Operand inWindow(int guest) {
        return window(HartWindow.FLOAT_VALUES + 8 * guest);
    }

    /// The upper half of one that is not pinned.
    static Operand upperInWindow(int guest) {
        return window(HartWindow.FLOAT_VALUES + 8 * guest + 4);
    }

    /// Fetches all from the hart's array. Needs rdx and xmm0.
    static void load(Assembler code) {
        code.mov(RDX, window(HartWindow.FLOAT_REGISTERS));
        for (int guest = 0; guest < COUNT; guest++) {
            if (isPinned(guest)) {
                move(code, PP_F2, LOAD_DOUBLE, HOST[guest], inArray(guest));
            } else if (guest % 2 == 0) {
                move(code, PP_F3, LOAD_PAIR, 0, inArray(guest));
                move(code, PP_F3, STORE_PAIR, 0, inWindow(guest));
            }
        }
    }

    /// Puts all back. Needs rdx and xmm0.
    static void store(Assembler code) {
        code.mov(RDX, window(HartWindow.FLOAT_REGISTERS));
        for (int guest = 0; guest < COUNT; guest++) {
            if (isPinned(guest)) {
                move(code, PP_F2, STORE_DOUBLE, HOST[guest], inArray(guest));
            } else if (guest % 2 == 0) {
                move(code, PP_F3, LOAD_PAIR, 0, inWindow(guest));
                move(code, PP_F3, STORE_PAIR, 0, inArray(guest));
            }
        }
    }

    private static Operand inArray(int guest) {
        return Operand.memory(RDX, 8 * guest);
    }

    private static void move(Assembler code, int pp, int opcode, int register, Operand place) {
        code.vector(pp, MAP_0F, false, opcode, register, 0, place);
    }
}
