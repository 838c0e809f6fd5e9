package weft.vmhost.interpreter;

import weft.vmhost.hart.Hart;
import weft.vmhost.hart.Reservation;
import weft.vmhost.hart.VirtualMemory;
import weft.vmhost.isa.Op;
import weft.vmhost.memory.HostMemory;

/// The A extension: read-modify-write by compare-and-swap on the host, so that harts on several
/// threads see each as one step. Every operation orders memory fully, whatever its aq and rl bits
/// say: more than RVWMO asks.
final class AtomicUnit {
    private final VirtualMemory memory;
    private final Reservation reservation;

    AtomicUnit(Hart hart) {
        memory = hart.memory();
        reservation = hart.reservation();
    }

    /// Answers what goes to rd: the old value, or SC's outcome.
    long execute(int op, long address, long operand) {
        return switch (op) {
            case Op.LR_W -> loadReserved(address, 4);
            case Op.LR_D -> loadReserved(address, 8);
            case Op.SC_W -> storeConditional(address, 4, operand);
            case Op.SC_D -> storeConditional(address, 8, operand);
            default ->
                    op < Op.LR_D
                            ? modifyWord(op, address, (int) operand)
                            : modifyDouble(op - Op.LR_D + Op.LR_W, address, operand);
        };
    }

    private long loadReserved(long address, int sizeBytes) {
        long host = memory.hostAddressToReserve(address, sizeBytes);
        long bits = HostMemory.getVolatile(host, sizeBytes);
        long value = sizeBytes == 4 ? (int) bits : bits;
        reservation.set(host, value);
        return value;
    }

    private long storeConditional(long address, int sizeBytes, long value) {
        long host = memory.hostAddressToModify(address, sizeBytes);
        boolean held = reservation.isHeldFor(host);
        long expected = reservation.value();
        reservation.clear();
        if (!held) {
            return 1;
        }
        boolean stored =
                sizeBytes == 4
                        ? HostMemory.compareAndSetInt(host, (int) expected, (int) value)
                        : HostMemory.compareAndSetLong(host, expected, value);
        return stored ? 0 : 1;
    }

    private long modifyWord(int op, long address, int operand) {
        long host = memory.hostAddressToModify(address, 4);
        int old;
        do {
            old = HostMemory.getInt(host);
        } while (!HostMemory.compareAndSetInt(host, old, combineWord(op, old, operand)));
        return old;
    }

    private long modifyDouble(int wordOp, long address, long operand) {
        long host = memory.hostAddressToModify(address, 8);
        long old;
        do {
            old = HostMemory.getLong(host);
        } while (!HostMemory.compareAndSetLong(host, old, combine(wordOp, old, operand)));
        return old;
    }

    /// Sign extension keeps the order, signed and unsigned, of 32-bit values.
    private static int combineWord(int op, int old, int operand) {
        return (int) combine(op, old, operand);
    }

    private static long combine(int op, long old, long operand) {
        return switch (op) {
            case Op.AMOSWAP_W -> operand;
            case Op.AMOADD_W -> old + operand;
            case Op.AMOXOR_W -> old ^ operand;
            case Op.AMOAND_W -> old & operand;
            case Op.AMOOR_W -> old | operand;
            case Op.AMOMIN_W -> Math.min(old, operand);
            case Op.AMOMAX_W -> Math.max(old, operand);
            case Op.AMOMINU_W -> Long.compareUnsigned(old, operand) < 0 ? old : operand;
            case Op.AMOMAXU_W -> Long.compareUnsigned(old, operand) > 0 ? old : operand;
            default -> throw new IllegalStateException("no atomic operation: " + op);
        };
    }
}
