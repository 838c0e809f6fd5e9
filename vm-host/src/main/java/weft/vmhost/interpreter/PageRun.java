package weft.vmhost.interpreter;

import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.memory.HostMemory;
import weft.vmhost.mmu.Tlb;

/// The inner loop of [Interpreter] in Java: see [PageLoop].
///
/// How this is written decides its speed, by a factor of two. What HotSpot's compiler does with a
/// loop around a large `switch`, and what the processor does with the code; and the answers:
///
/// - A `switch` is one indirect jump, and the processor foresees badly where it leads if it leads
///   everywhere. So there are two: the second, for what is most common, comes when the first one's
///   instruction is done and has not jumped.
/// - What several cases compute from the same value, the compiler computes once, before the
///   `switch`, for every instruction: masks, shifts and addresses of all formats, most of them
///   spilled. So each case reads its immediate or rs2 itself, as if it could have changed: by a
///   volatile load, which costs no instruction. It also keeps the guest's loads in their order.
/// - What ends the same in most cases is written once, behind the `switch`: the result, the length,
///   a taken jump. The code is smaller, and its registers are fewer.
/// - A call in the loop, be it on the rarest path, has everything spilled around it, since no
///   register survives a call. So there is none, and nothing is thrown. All methods below are
///   inlined, which ends at 8000 bytes of bytecode in all: PageRunSizeTest counts them.
/// - More values live in the loop than there are registers, and each iteration stores and loads
///   them. So what loads, stores and jumps need stands in the frame.
/// - An array's length is one more such value, and asking for it four instructions of the host's
///   for each of the guest's. So registers, slots and frame are accessed unchecked: the array of
///   registers has all places that an instruction can name, and a slot's number is that of an
///   instruction that was decoded, or is the one behind it; the last two slots hold none.
/// - Where the next instruction stands is found by a branch on the length of this one, which the
///   processor predicts, and not by adding the length, for which it would have to wait.
///
/// What was measured is in docs/design/004.
final class PageRun {
    private static final long ENTRY_MASK = Tlb.ENTRIES - 1 << Tlb.ENTRY_SHIFT;

    private static final long PAGE_MASK = -4096;

    /// The place of the first slot. Each is 8 bytes, for 2 bytes of code.
    private static final long FIRST = HostMemory.FIRST_ELEMENT;

    // Where in a slot the fields of the decoded form stand; the operation stands first.
    private static final int RD = 1;
    private static final int RS1 = 2;
    private static final int RS2 = 3;
    private static final int IMMEDIATE = 4;

    // Where in the frame its fields stand.
    private static final long PAGE_PLACE = FIRST + 8 * PageLoop.PAGE;
    private static final long CONTEXT_PLACE = FIRST + 8 * PageLoop.CONTEXT;

    /// From the place of a slot to four times its address: what the cases that need a pc compute of
    /// the place alone would be computed for all. Nothing is lost at the upper end: where
    /// instructions are, the high bits of an address are alike.
    private static final long PC_PLACE = FIRST + 8 * PageLoop.PC;

    private static final long TLB_PLACE = FIRST + 8 * PageLoop.TLB;
    private static final long END_PLACE = FIRST + 8 * PageLoop.END;
    private static final long BUDGET_END_PLACE = FIRST + 8 * PageLoop.BUDGET_END;

    private PageRun() {}

    /// See [PageLoop#run].
    static long run(long[] x, long[] slots, long slot, long[] frame) {
        if (x.length < Decoded.PLACES
                || slots.length < DecodedPage.SLOTS + 2
                || frame.length != PageLoop.FRAME_LENGTH) {
            throw new IllegalArgumentException("arrays that cannot be accessed unchecked");
        }
        long at = FIRST + (slot << 3);
        long count = 0;
        loop:
        for (; ; ) {
            taken:
            {
                done:
                {
                    final long a = register(x, HostMemory.getElementByte(slots, at + RS1));
                    final long result;
                    switch (HostMemory.getElementByte(slots, at)) {
                        case Op.JAL -> {
                            if (leavesPage(at + distance(slots, at))) {
                                break loop;
                            }
                            setRd(x, slots, at, next(slots, at, frame));
                            break taken;
                        }
                        case Op.JALR -> {
                            final long target =
                                    a
                                            + immediate(slots, at)
                                            - HostMemory.getElement(frame, PAGE_PLACE);
                            if (target >>> 12 != 0
                                    || count >= HostMemory.getElement(frame, END_PLACE)
                                    || budgetEnd(frame) == 0) {
                                break loop;
                            }
                            setRd(x, slots, at, next(slots, at, frame));
                            at = FIRST + (target >>> 1 << 3);
                            count++;
                            continue;
                        }
                        case Op.BEQ -> {
                            if (a == rs2(x, slots, at)) {
                                break taken;
                            }
                            break done;
                        }
                        case Op.BNE -> {
                            if (a != rs2(x, slots, at)) {
                                break taken;
                            }
                            break done;
                        }
                        case Op.BLT -> {
                            if (a < rs2(x, slots, at)) {
                                break taken;
                            }
                            break done;
                        }
                        case Op.BGE -> {
                            if (a >= rs2(x, slots, at)) {
                                break taken;
                            }
                            break done;
                        }
                        case Op.BLTU -> {
                            if (Long.compareUnsigned(a, rs2(x, slots, at)) < 0) {
                                break taken;
                            }
                            break done;
                        }
                        case Op.BGEU -> {
                            if (Long.compareUnsigned(a, rs2(x, slots, at)) >= 0) {
                                break taken;
                            }
                            break done;
                        }
                        case Op.LB -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.READ_TAG, address, 0, frame)) {
                                break loop;
                            }
                            final long host = address + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getByte(host);
                        }
                        case Op.LBU -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.READ_TAG, address, 0, frame)) {
                                break loop;
                            }
                            final long host = address + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getByte(host) & 0xFFL;
                        }
                        case Op.LH -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.READ_TAG, address, 1, frame)) {
                                break loop;
                            }
                            final long host = address + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getShort(host);
                        }
                        case Op.LHU -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.READ_TAG, address, 1, frame)) {
                                break loop;
                            }
                            final long host = address + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getShort(host) & 0xFFFFL;
                        }
                        case Op.LW -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.READ_TAG, address, 3, frame)) {
                                break loop;
                            }
                            final long host = address + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getInt(host);
                        }
                        case Op.LWU -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.READ_TAG, address, 3, frame)) {
                                break loop;
                            }
                            final long host = address + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getInt(host) & 0xFFFF_FFFFL;
                        }
                        case Op.LD -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.READ_TAG, address, 7, frame)) {
                                break loop;
                            }
                            final long host = address + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getLong(host);
                        }
                        case Op.SB -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.WRITE_TAG, address, 0, frame)) {
                                break loop;
                            }
                            final long host =
                                    address + HostMemory.getLong(entry + Tlb.WRITE_ADDEND);
                            HostMemory.putByte(host, (byte) register(x, rs2Field(slots, at)));
                            break done;
                        }
                        case Op.SH -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.WRITE_TAG, address, 1, frame)) {
                                break loop;
                            }
                            final long host =
                                    address + HostMemory.getLong(entry + Tlb.WRITE_ADDEND);
                            HostMemory.putShort(host, (short) register(x, rs2Field(slots, at)));
                            break done;
                        }
                        case Op.SW -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.WRITE_TAG, address, 3, frame)) {
                                break loop;
                            }
                            final long host =
                                    address + HostMemory.getLong(entry + Tlb.WRITE_ADDEND);
                            HostMemory.putInt(host, (int) register(x, rs2Field(slots, at)));
                            break done;
                        }
                        case Op.SD -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.WRITE_TAG, address, 7, frame)) {
                                break loop;
                            }
                            final long host =
                                    address + HostMemory.getLong(entry + Tlb.WRITE_ADDEND);
                            HostMemory.putLong(host, register(x, rs2Field(slots, at)));
                            break done;
                        }
                        case Op.LI -> result = immediate(slots, at);
                        case Op.AUIPC -> result = pc(at, frame) + immediate(slots, at);
                        case Op.ADDI -> result = a + immediate(slots, at);
                        case Op.SLTI -> result = a < immediate(slots, at) ? 1 : 0;
                        case Op.SLTIU ->
                                result = Long.compareUnsigned(a, immediate(slots, at)) < 0 ? 1 : 0;
                        case Op.XORI -> result = a ^ immediate(slots, at);
                        case Op.ORI -> result = a | immediate(slots, at);
                        case Op.ANDI -> result = a & immediate(slots, at);
                        case Op.SLLI -> result = a << immediate(slots, at);
                        case Op.SRLI -> result = a >>> immediate(slots, at);
                        case Op.SRAI -> result = a >> immediate(slots, at);
                        case Op.ADDIW -> result = (int) a + (int) immediate(slots, at);
                        case Op.SLLIW -> result = (int) a << (int) immediate(slots, at);
                        case Op.SRLIW -> result = (int) a >>> (int) immediate(slots, at);
                        case Op.SRAIW -> result = (int) a >> (int) immediate(slots, at);
                        case Op.ADD -> result = a + rs2(x, slots, at);
                        case Op.SUB -> result = a - rs2(x, slots, at);
                        case Op.SLL -> result = a << rs2(x, slots, at);
                        case Op.SLT -> result = a < rs2(x, slots, at) ? 1 : 0;
                        case Op.SLTU ->
                                result = Long.compareUnsigned(a, rs2(x, slots, at)) < 0 ? 1 : 0;
                        case Op.XOR -> result = a ^ rs2(x, slots, at);
                        case Op.SRL -> result = a >>> rs2(x, slots, at);
                        case Op.SRA -> result = a >> rs2(x, slots, at);
                        case Op.OR -> result = a | rs2(x, slots, at);
                        case Op.AND -> result = a & rs2(x, slots, at);
                        case Op.ADDW -> result = (int) a + (int) rs2(x, slots, at);
                        case Op.SUBW -> result = (int) a - (int) rs2(x, slots, at);
                        case Op.SLLW -> result = (int) a << (int) rs2(x, slots, at);
                        case Op.SRLW -> result = (int) a >>> (int) rs2(x, slots, at);
                        case Op.SRAW -> result = (int) a >> (int) rs2(x, slots, at);
                        case Op.MUL -> result = a * rs2(x, slots, at);
                        case Op.MULH -> result = Math.multiplyHigh(a, rs2(x, slots, at));
                        case Op.MULHU -> result = Math.unsignedMultiplyHigh(a, rs2(x, slots, at));
                        case Op.MULW -> result = (int) a * (int) rs2(x, slots, at);
                        default -> {
                            break loop;
                        }
                    }
                    setRd(x, slots, at, result);
                }
                count++;
                if (isCompressed(slots, at)) {
                    at += 8;
                } else {
                    at += 16;
                }
                // The same again, for what is most common.
                done:
                {
                    final long a = register(x, HostMemory.getElementByte(slots, at + RS1));
                    final long result;
                    switch (HostMemory.getElementByte(slots, at)) {
                        case Op.BEQ -> {
                            if (a == rs2(x, slots, at)) {
                                break taken;
                            }
                            break done;
                        }
                        case Op.BNE -> {
                            if (a != rs2(x, slots, at)) {
                                break taken;
                            }
                            break done;
                        }
                        case Op.LBU -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.READ_TAG, address, 0, frame)) {
                                break loop;
                            }
                            final long host = address + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getByte(host) & 0xFFL;
                        }
                        case Op.LH -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.READ_TAG, address, 1, frame)) {
                                break loop;
                            }
                            final long host = address + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getShort(host);
                        }
                        case Op.LHU -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.READ_TAG, address, 1, frame)) {
                                break loop;
                            }
                            final long host = address + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getShort(host) & 0xFFFFL;
                        }
                        case Op.LW -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.READ_TAG, address, 3, frame)) {
                                break loop;
                            }
                            final long host = address + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getInt(host);
                        }
                        case Op.LD -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.READ_TAG, address, 7, frame)) {
                                break loop;
                            }
                            final long host = address + HostMemory.getLong(entry + Tlb.READ_ADDEND);
                            result = HostMemory.getLong(host);
                        }
                        case Op.SD -> {
                            final long address = a + immediate(slots, at);
                            final long entry = entry(address, frame);
                            if (misses(entry + Tlb.WRITE_TAG, address, 7, frame)) {
                                break loop;
                            }
                            final long host =
                                    address + HostMemory.getLong(entry + Tlb.WRITE_ADDEND);
                            HostMemory.putLong(host, register(x, rs2Field(slots, at)));
                            break done;
                        }
                        case Op.LI -> result = immediate(slots, at);
                        case Op.ADDI -> result = a + immediate(slots, at);
                        case Op.ANDI -> result = a & immediate(slots, at);
                        case Op.SLLI -> result = a << immediate(slots, at);
                        case Op.SRLI -> result = a >>> immediate(slots, at);
                        case Op.ADDIW -> result = (int) a + (int) immediate(slots, at);
                        case Op.ADD -> result = a + rs2(x, slots, at);
                        case Op.XOR -> result = a ^ rs2(x, slots, at);
                        case Op.ADDW -> result = (int) a + (int) rs2(x, slots, at);
                        default -> {
                            continue loop;
                        }
                    }
                    setRd(x, slots, at, result);
                }
                count++;
                if (isCompressed(slots, at)) {
                    at += 8;
                } else {
                    at += 16;
                }
                continue;
            }
            final long distance = distance(slots, at);
            if (leavesPage(at + distance)
                    || distance <= 0
                            && (count >= HostMemory.getElement(frame, END_PLACE)
                                    || budgetEnd(frame) == 0)) {
                break;
            }
            at += distance;
            count++;
        }
        return count << PageLoop.COUNT_SHIFT | at - FIRST >>> 3;
    }

    private static long register(long[] x, int register) {
        return HostMemory.getElement(x, FIRST + ((long) register << 3));
    }

    private static void setRd(long[] x, long[] slots, long at, long value) {
        HostMemory.putElement(
                x, FIRST + ((HostMemory.getElementByte(slots, at + RD) & -2L) << 2), value);
    }

    private static long immediate(long[] slots, long at) {
        return HostMemory.getElementIntVolatile(slots, at + IMMEDIATE);
    }

    private static long rs2(long[] x, long[] slots, long at) {
        return HostMemory.getElement(
                x, FIRST + ((long) HostMemory.getElementByteVolatile(slots, at + RS2) << 3));
    }

    private static int rs2Field(long[] slots, long at) {
        return HostMemory.getElementByte(slots, at + RS2);
    }

    private static long distance(long[] slots, long at) {
        return (long) HostMemory.getElementInt(slots, at + IMMEDIATE) << 2;
    }

    private static boolean leavesPage(long at) {
        return at - FIRST >>> 14 != 0;
    }

    private static boolean isCompressed(long[] slots, long at) {
        return (HostMemory.getElementByte(slots, at + RD) & 1) != 0;
    }

    private static long pc(long at, long[] frame) {
        return at + HostMemory.getElement(frame, PC_PLACE) >> 2;
    }

    private static long next(long[] slots, long at, long[] frame) {
        return pc(at, frame) + (isCompressed(slots, at) ? 2 : 4);
    }

    private static long entry(long address, long[] frame) {
        return address >>> GuestMemory.PAGE_SHIFT - Tlb.ENTRY_SHIFT & ENTRY_MASK
                ^ HostMemory.getElement(frame, TLB_PLACE);
    }

    private static boolean misses(long tag, long address, long misaligned, long[] frame) {
        return HostMemory.getLong(tag)
                != (address & (PAGE_MASK | misaligned)
                        | HostMemory.getElement(frame, CONTEXT_PLACE));
    }

    private static long budgetEnd(long[] frame) {
        return HostMemory.getLongVolatile(HostMemory.getElement(frame, BUDGET_END_PLACE));
    }
}
