package weft.vmhost.interpreter;

import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.memory.HostMemory;
import weft.vmhost.mmu.Tlb;

/// The inner loop of [Interpreter]: what compilers emit most, within one page of decoded slots.
/// Whatever else comes (a miss of the TLB, a jump out of the page, a float) it returns at, with
/// nothing of it done but perhaps a JAL's link.
///
/// How this is written decides its speed, by a factor of two. What HotSpot's compiler does with a
/// loop around a large `switch`, and the answer:
///
/// - What several cases compute from the same value, it computes once, before the `switch`, for
///   every instruction: masks, shifts and addresses of all formats, most of them spilled. So each
///   case reads its instruction [#again].
/// - What ends the same in most cases is written once, behind the `switch`: the result, the length,
///   a taken jump. The code is smaller, and its registers are fewer.
/// - A call in the loop, be it on the rarest path, has everything spilled around it, since no
///   register survives a call. So there is none, and nothing is thrown.
/// - More values live in the loop than there are registers, and each iteration stores and loads
///   them. So what loads, stores and jumps need stands in an array, the *frame*, and slot and count
///   share a `long`, the *cursor*.
/// - An array's length is one more such value, and asking for it four instructions of the host's
///   for each of the guest's. So registers, slots and frame are accessed unchecked: the array of
///   registers has all places that an instruction can name, and a slot's number is that of an
///   instruction that was decoded, or is the one behind it; the last two slots hold none.
/// - Where the next instruction stands is found by a branch on the length of this one, which the
///   processor predicts, and not by adding the length, for which it would have to wait.
///
/// HotSpot never compiles a method of more than 8000 bytes of bytecode. What was measured is in
/// docs/design/004.
final class PageRun {
    /// Where the count of executed instructions begins in a cursor; below is the slot.
    static final int COUNT_SHIFT = 12;

    static final int SLOT_MASK = (1 << COUNT_SHIFT) - 1;

    // The frame. Virtual address of the page.
    static final int PAGE = 0;

    /// The context of loads and stores, as it stands in a tag.
    static final int CONTEXT = 1;

    /// The host address of the TLB.
    static final int TLB = 2;

    /// The cursor from which on no jump back is taken.
    static final int END = 3;

    /// The host address of the budget's end, which other threads set to zero.
    static final int BUDGET_END = 4;

    /// The context as it enters the distance of an entry.
    static final int CONTEXT_INDEX = 5;

    static final int FRAME_LENGTH = 6;

    private static final long ENTRY_MASK = Tlb.ENTRIES - 1 << Tlb.ENTRY_SHIFT;
    private static final long ONE = 1L << COUNT_SHIFT;
    private static final long PAGE_MASK = -4096;

    /// Set in the decoded form of an instruction of one halfword.
    private static final long COMPRESSED = 1L << 24;

    private PageRun() {}

    /// Executes from this cursor on; answers the cursor of the first instruction that it does not
    /// execute. It looks at the budget when it jumps back or by register: straight code ends with
    /// its page.
    static long run(long[] x, long[] slots, long cursor, long[] frame) {
        if (x.length < Decoded.PLACES
                || slots.length <= DecodedPage.SLOTS
                || frame.length != FRAME_LENGTH) {
            return cursor;
        }
        for (; ; ) {
            final long slot = cursor & SLOT_MASK;
            final long d = HostMemory.getElement(slots, slot << 3);
            final long a = HostMemory.getElement(x, d >>> 11 & 0xF8);
            final long jump;
            final long result;
            straight:
            {
                written:
                {
                    switch ((int) d & 0xFF) {
                        case Op.JAL -> {
                            final long e = again(x, slots, slot);
                            if (slot + (e >> 33) >>> 11 != 0) {
                                return cursor;
                            }
                            setRd(x, e, inFrame(frame, PAGE) + 2 * (slot + halfwords(e)));
                            jump = e;
                            break straight;
                        }
                        case Op.JALR -> {
                            final long e = again(x, slots, slot);
                            final long distance = a + (e >> 32) - inFrame(frame, PAGE);
                            if (distance >>> 12 != 0
                                    || cursor >= inFrame(frame, END)
                                    || budgetEnd(frame) == 0) {
                                return cursor;
                            }
                            setRd(x, e, inFrame(frame, PAGE) + 2 * (slot + halfwords(e)));
                            cursor = (cursor & -ONE) + ONE + (distance >>> 1);
                            continue;
                        }
                        case Op.BEQ -> {
                            final long e = again(x, slots, slot);
                            if (a == rs2(x, e)) {
                                jump = e;
                                break straight;
                            }
                            break written;
                        }
                        case Op.BNE -> {
                            final long e = again(x, slots, slot);
                            if (a != rs2(x, e)) {
                                jump = e;
                                break straight;
                            }
                            break written;
                        }
                        case Op.BLT -> {
                            final long e = again(x, slots, slot);
                            if (a < rs2(x, e)) {
                                jump = e;
                                break straight;
                            }
                            break written;
                        }
                        case Op.BGE -> {
                            final long e = again(x, slots, slot);
                            if (a >= rs2(x, e)) {
                                jump = e;
                                break straight;
                            }
                            break written;
                        }
                        case Op.BLTU -> {
                            final long e = again(x, slots, slot);
                            if (Long.compareUnsigned(a, rs2(x, e)) < 0) {
                                jump = e;
                                break straight;
                            }
                            break written;
                        }
                        case Op.BGEU -> {
                            final long e = again(x, slots, slot);
                            if (Long.compareUnsigned(a, rs2(x, e)) >= 0) {
                                jump = e;
                                break straight;
                            }
                            break written;
                        }
                        case Op.LB -> {
                            final long e = again(x, slots, slot);
                            final long at = a + (e >> 32);
                            final long entry = entry(at, frame);
                            if (HostMemory.getLong(entry + Tlb.READ_TAG)
                                    != (at & PAGE_MASK | inFrame(frame, CONTEXT))) {
                                return cursor;
                            }
                            final long host = at + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getByte(host);
                        }
                        case Op.LBU -> {
                            final long e = again(x, slots, slot);
                            final long at = a + (e >> 32);
                            final long entry = entry(at, frame);
                            if (HostMemory.getLong(entry + Tlb.READ_TAG)
                                    != (at & PAGE_MASK | inFrame(frame, CONTEXT))) {
                                return cursor;
                            }
                            final long host = at + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getByte(host) & 0xFFL;
                        }
                        case Op.LH -> {
                            final long e = again(x, slots, slot);
                            final long at = a + (e >> 32);
                            final long entry = entry(at, frame);
                            if (HostMemory.getLong(entry + Tlb.READ_TAG)
                                    != (at & (PAGE_MASK | 1) | inFrame(frame, CONTEXT))) {
                                return cursor;
                            }
                            final long host = at + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getShort(host);
                        }
                        case Op.LHU -> {
                            final long e = again(x, slots, slot);
                            final long at = a + (e >> 32);
                            final long entry = entry(at, frame);
                            if (HostMemory.getLong(entry + Tlb.READ_TAG)
                                    != (at & (PAGE_MASK | 1) | inFrame(frame, CONTEXT))) {
                                return cursor;
                            }
                            final long host = at + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getShort(host) & 0xFFFFL;
                        }
                        case Op.LW -> {
                            final long e = again(x, slots, slot);
                            final long at = a + (e >> 32);
                            final long entry = entry(at, frame);
                            if (HostMemory.getLong(entry + Tlb.READ_TAG)
                                    != (at & (PAGE_MASK | 3) | inFrame(frame, CONTEXT))) {
                                return cursor;
                            }
                            final long host = at + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getInt(host);
                        }
                        case Op.LWU -> {
                            final long e = again(x, slots, slot);
                            final long at = a + (e >> 32);
                            final long entry = entry(at, frame);
                            if (HostMemory.getLong(entry + Tlb.READ_TAG)
                                    != (at & (PAGE_MASK | 3) | inFrame(frame, CONTEXT))) {
                                return cursor;
                            }
                            final long host = at + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getInt(host) & 0xFFFF_FFFFL;
                        }
                        case Op.LD -> {
                            final long e = again(x, slots, slot);
                            final long at = a + (e >> 32);
                            final long entry = entry(at, frame);
                            if (HostMemory.getLong(entry + Tlb.READ_TAG)
                                    != (at & (PAGE_MASK | 7) | inFrame(frame, CONTEXT))) {
                                return cursor;
                            }
                            final long host = at + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getLong(host);
                        }
                        case Op.SB -> {
                            final long e = again(x, slots, slot);
                            final long at = a + (e >> 32);
                            final long entry = entry(at, frame);
                            if (HostMemory.getLong(entry + Tlb.WRITE_TAG)
                                    != (at & PAGE_MASK | inFrame(frame, CONTEXT))) {
                                return cursor;
                            }
                            final long host = at + HostMemory.getLong(entry + Tlb.WRITE_ADDEND);
                            HostMemory.putByte(host, (byte) rs2(x, e));
                            break written;
                        }
                        case Op.SH -> {
                            final long e = again(x, slots, slot);
                            final long at = a + (e >> 32);
                            final long entry = entry(at, frame);
                            if (HostMemory.getLong(entry + Tlb.WRITE_TAG)
                                    != (at & (PAGE_MASK | 1) | inFrame(frame, CONTEXT))) {
                                return cursor;
                            }
                            final long host = at + HostMemory.getLong(entry + Tlb.WRITE_ADDEND);
                            HostMemory.putShort(host, (short) rs2(x, e));
                            break written;
                        }
                        case Op.SW -> {
                            final long e = again(x, slots, slot);
                            final long at = a + (e >> 32);
                            final long entry = entry(at, frame);
                            if (HostMemory.getLong(entry + Tlb.WRITE_TAG)
                                    != (at & (PAGE_MASK | 3) | inFrame(frame, CONTEXT))) {
                                return cursor;
                            }
                            final long host = at + HostMemory.getLong(entry + Tlb.WRITE_ADDEND);
                            HostMemory.putInt(host, (int) rs2(x, e));
                            break written;
                        }
                        case Op.SD -> {
                            final long e = again(x, slots, slot);
                            final long at = a + (e >> 32);
                            final long entry = entry(at, frame);
                            if (HostMemory.getLong(entry + Tlb.WRITE_TAG)
                                    != (at & (PAGE_MASK | 7) | inFrame(frame, CONTEXT))) {
                                return cursor;
                            }
                            final long host = at + HostMemory.getLong(entry + Tlb.WRITE_ADDEND);
                            HostMemory.putLong(host, rs2(x, e));
                            break written;
                        }
                        case Op.LI -> {
                            final long e = again(x, slots, slot);
                            result = e >> 32;
                        }
                        case Op.AUIPC -> {
                            final long e = again(x, slots, slot);
                            result = inFrame(frame, PAGE) + 2 * slot + (e >> 32);
                        }
                        case Op.ADDI -> {
                            final long e = again(x, slots, slot);
                            result = a + (e >> 32);
                        }
                        case Op.SLTI -> {
                            final long e = again(x, slots, slot);
                            result = a < e >> 32 ? 1 : 0;
                        }
                        case Op.SLTIU -> {
                            final long e = again(x, slots, slot);
                            result = Long.compareUnsigned(a, e >> 32) < 0 ? 1 : 0;
                        }
                        case Op.XORI -> {
                            final long e = again(x, slots, slot);
                            result = a ^ e >> 32;
                        }
                        case Op.ORI -> {
                            final long e = again(x, slots, slot);
                            result = a | e >> 32;
                        }
                        case Op.ANDI -> {
                            final long e = again(x, slots, slot);
                            result = a & e >> 32;
                        }
                        case Op.SLLI -> {
                            final long e = again(x, slots, slot);
                            result = a << (e >>> 32);
                        }
                        case Op.SRLI -> {
                            final long e = again(x, slots, slot);
                            result = a >>> (e >>> 32);
                        }
                        case Op.SRAI -> {
                            final long e = again(x, slots, slot);
                            result = a >> (e >>> 32);
                        }
                        case Op.ADDIW -> {
                            final long e = again(x, slots, slot);
                            result = (int) a + (int) (e >> 32);
                        }
                        case Op.SLLIW -> {
                            final long e = again(x, slots, slot);
                            result = (int) a << (int) (e >>> 32);
                        }
                        case Op.SRLIW -> {
                            final long e = again(x, slots, slot);
                            result = (int) a >>> (int) (e >>> 32);
                        }
                        case Op.SRAIW -> {
                            final long e = again(x, slots, slot);
                            result = (int) a >> (int) (e >>> 32);
                        }
                        case Op.ADD -> {
                            final long e = again(x, slots, slot);
                            result = a + rs2(x, e);
                        }
                        case Op.SUB -> {
                            final long e = again(x, slots, slot);
                            result = a - rs2(x, e);
                        }
                        case Op.SLL -> {
                            final long e = again(x, slots, slot);
                            result = a << rs2(x, e);
                        }
                        case Op.SLT -> {
                            final long e = again(x, slots, slot);
                            result = a < rs2(x, e) ? 1 : 0;
                        }
                        case Op.SLTU -> {
                            final long e = again(x, slots, slot);
                            result = Long.compareUnsigned(a, rs2(x, e)) < 0 ? 1 : 0;
                        }
                        case Op.XOR -> {
                            final long e = again(x, slots, slot);
                            result = a ^ rs2(x, e);
                        }
                        case Op.SRL -> {
                            final long e = again(x, slots, slot);
                            result = a >>> rs2(x, e);
                        }
                        case Op.SRA -> {
                            final long e = again(x, slots, slot);
                            result = a >> rs2(x, e);
                        }
                        case Op.OR -> {
                            final long e = again(x, slots, slot);
                            result = a | rs2(x, e);
                        }
                        case Op.AND -> {
                            final long e = again(x, slots, slot);
                            result = a & rs2(x, e);
                        }
                        case Op.ADDW -> {
                            final long e = again(x, slots, slot);
                            result = (int) a + (int) rs2(x, e);
                        }
                        case Op.SUBW -> {
                            final long e = again(x, slots, slot);
                            result = (int) a - (int) rs2(x, e);
                        }
                        case Op.SLLW -> {
                            final long e = again(x, slots, slot);
                            result = (int) a << (int) rs2(x, e);
                        }
                        case Op.SRLW -> {
                            final long e = again(x, slots, slot);
                            result = (int) a >>> (int) rs2(x, e);
                        }
                        case Op.SRAW -> {
                            final long e = again(x, slots, slot);
                            result = (int) a >> (int) rs2(x, e);
                        }
                        case Op.MUL -> {
                            final long e = again(x, slots, slot);
                            result = a * rs2(x, e);
                        }
                        case Op.MULH -> {
                            final long e = again(x, slots, slot);
                            result = Math.multiplyHigh(a, rs2(x, e));
                        }
                        case Op.MULHU -> {
                            final long e = again(x, slots, slot);
                            result = Math.unsignedMultiplyHigh(a, rs2(x, e));
                        }
                        case Op.MULW -> {
                            final long e = again(x, slots, slot);
                            result = (int) a * (int) rs2(x, e);
                        }
                        default -> {
                            return cursor;
                        }
                    }
                    setRd(x, d, result);
                }
                if ((d & COMPRESSED) != 0) {
                    cursor += ONE + 1;
                    continue;
                }
                cursor += ONE + 2;
                continue;
            }
            final long halfwords = jump >> 33;
            if (slot + halfwords >>> 11 != 0
                    || halfwords <= 0 && (cursor >= inFrame(frame, END) || budgetEnd(frame) == 0)) {
                return cursor;
            }
            cursor += ONE + halfwords;
        }
    }

    /// The instruction of this slot, as a value that has nothing to do with what was read there
    /// before: for all that the compiler knows, the store may have changed it. The register is the
    /// one that nobody reads.
    private static long again(long[] x, long[] slots, long slot) {
        HostMemory.putElement(x, 8 * Decoded.DISCARD, 0);
        return HostMemory.getElement(slots, slot << 3);
    }

    private static long entry(long address, long[] frame) {
        final long page = address >>> GuestMemory.PAGE_SHIFT - Tlb.ENTRY_SHIFT;
        return inFrame(frame, TLB) + ((page ^ inFrame(frame, CONTEXT_INDEX)) & ENTRY_MASK);
    }

    private static long inFrame(long[] frame, int field) {
        return HostMemory.getElement(frame, 8L * field);
    }

    private static long budgetEnd(long[] frame) {
        return HostMemory.getVolatile(inFrame(frame, BUDGET_END), 8);
    }

    private static void setRd(long[] x, long decoded, long value) {
        HostMemory.putElement(x, decoded >>> 5 & 0x1F8, value);
    }

    private static long rs2(long[] x, long decoded) {
        return HostMemory.getElement(x, decoded >>> 16 & 0xF8);
    }

    private static int halfwords(long decoded) {
        return (int) (decoded >>> 24) & 3;
    }
}
