package weft.vmhost.nativecode;

import static weft.vmhost.nativecode.Assembler.R14_BUDGET;
import static weft.vmhost.nativecode.Assembler.RAX;
import static weft.vmhost.nativecode.Assembler.RBP;
import static weft.vmhost.nativecode.Assembler.RBX;
import static weft.vmhost.nativecode.Assembler.RDI;
import static weft.vmhost.nativecode.Assembler.RSI;

import weft.vmhost.isa.Decoded;

import java.util.Arrays;

/// Where the guest's integer registers are while translated code runs, everywhere in it: the nine
/// that compilers use most in registers of the host, the others in the hart's array, which rbp
/// points into. Since it is the same at each instruction, code can be entered and left at any, and
/// blocks join without a move.
///
/// ```
///   rax rcx rdx    scratch, within one instruction
///   rbx            sp
///   rdi rsi r8-r11 a0 to a5
///   r12 r13        s0 s1
///   r14            the budget
///   r15            the hart's window and TLB
///   rbp            x[16]: all of x is within a one-byte displacement
/// ```
final class GuestRegisters {
    private static final int NOT_PINNED = -1;

    /// Of `x[16]`, from the beginning of the array.
    static final int BIAS_BYTES = 128;

    private static final int[] HOST = new int[Decoded.DISCARD + 1];
    private static final Operand[] OPERANDS = new Operand[Decoded.DISCARD + 1];

    static {
        Arrays.fill(HOST, NOT_PINNED);
        HOST[2] = RBX;
        HOST[8] = 12;
        HOST[9] = 13;
        HOST[10] = RDI;
        HOST[11] = RSI;
        HOST[12] = 8;
        HOST[13] = 9;
        HOST[14] = 10;
        HOST[15] = 11;
        assert Arrays.stream(HOST).noneMatch(it -> it == R14_BUDGET);
        for (int guest = 0; guest < OPERANDS.length; guest++) {
            OPERANDS[guest] = isPinned(guest) ? Operand.register(HOST[guest]) : inArray(guest);
        }
    }

    private final Assembler code;

    GuestRegisters(Assembler code) {
        this.code = code;
    }

    static boolean isPinned(int guest) {
        return HOST[guest] != NOT_PINNED;
    }

    /// The register's place in the hart's array, whether or not it is pinned.
    static Operand inArray(int guest) {
        return Operand.memory(RBP, 8 * guest - BIAS_BYTES);
    }

    /// A register other than x0, wherever it is.
    static Operand operand(int guest) {
        assert guest != 0;
        return OPERANDS[guest];
    }

    /// Fetches all pinned registers.
    static void loadPinned(Assembler code) {
        for (int guest = 0; guest < HOST.length; guest++) {
            if (isPinned(guest)) {
                code.mov(HOST[guest], inArray(guest));
            }
        }
    }

    static void storePinned(Assembler code) {
        for (int guest = 0; guest < HOST.length; guest++) {
            if (isPinned(guest)) {
                code.store(inArray(guest), HOST[guest]);
            }
        }
    }

    /// Copies a register's value to one of the host's.
    void load(int host, int guest) {
        if (guest == 0) {
            code.movImmediate(host, 0);
        } else {
            code.mov(host, operand(guest));
        }
    }

    void load32(int host, int guest) {
        if (guest == 0) {
            code.movImmediate(host, 0);
        } else {
            code.mov32(host, operand(guest));
        }
    }

    /// A host register that holds the value: its own, or the scratch register, which then gets it.
    int in(int guest, int scratch) {
        if (isPinned(guest)) {
            return HOST[guest];
        }
        load(scratch, guest);
        return scratch;
    }

    /// As an operand to read: x0 as the scratch register, cleared.
    Operand value(int guest, int scratch) {
        if (guest == 0) {
            code.movImmediate(scratch, 0);
            return Operand.register(scratch);
        }
        return operand(guest);
    }

    /// Where to compute a result, to be followed by [#put].
    int target(int rd) {
        return isPinned(rd) ? HOST[rd] : RAX;
    }

    /// Where to compute a result while another register is still to be read.
    int target(int rd, int stillNeeded) {
        return rd == stillNeeded ? RAX : target(rd);
    }

    /// The result is in this register of the host.
    void put(int rd, int host) {
        if (!isPinned(rd)) {
            code.store(operand(rd), host);
        } else if (HOST[rd] != host) {
            code.mov(HOST[rd], host);
        }
    }
}
