package weft.vmhost.interpreter;

import weft.vmhost.hart.CsrFile;
import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.IllegalInstruction;
import weft.vmhost.hart.Trap;
import weft.vmhost.hart.TrapCause;
import weft.vmhost.hart.VirtualMemory;
import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Decoder;
import weft.vmhost.isa.Op;
import weft.vmhost.mmu.Tlb;

/// Executes one hart's instructions, one by one, from their decoded form.
///
/// The loop stays within a page of decoded slots; pc is the page's address and a slot number. It
/// goes through the fetch TLB when it leaves the page, and looks at the budget at each taken jump,
/// since straight code ends with its page. Whatever can change the rules of translation, privilege
/// or the decoded page itself is done in [#system], after which the loop starts over from the hart.
///
/// HotSpot never compiles a method of more than 8000 bytes of bytecode: so [#execute] holds what
/// compilers emit most, and the rest stands in methods by extension.
public final class Interpreter implements Engine {
    /// What a `cbo` instruction works on; the device tree says so.
    public static final int CACHE_BLOCK_BYTES = 64;

    private static final long PAGE_MASK = -4096;

    /// No slot: the page was left and pc is already known.
    private static final int LEFT = Integer.MIN_VALUE;

    /// How many page-crossing instructions are remembered decoded.
    private static final int CROSSINGS = 64;

    private final Hart hart;
    private final VirtualMemory memory;
    private final Tlb tlb;
    private final DataPath data;
    private final DecodedPages pages;

    /// What the fetch TLB's entries lead to.
    private final long[][] fetchSlots = new long[Tlb.FETCH_ENTRIES][];

    /// A page for the one instruction that crosses the end of its own.
    private final long[] crossing = DecodedPages.emptyPage();

    private final int[] crossingBits = new int[CROSSINGS];
    private final long[] crossingDecoded = new long[CROSSINGS];

    /// Where in it an instruction stands that was decoded for once.
    private int loneSlot;

    private final AtomicUnit atomics;
    private final FloatUnit floats;

    public Interpreter(Hart hart) {
        this.hart = hart;
        memory = hart.memory();
        tlb = hart.tlb();
        data = new DataPath(memory);
        pages = new DecodedPages(memory);
        atomics = new AtomicUnit(hart);
        floats = new FloatUnit(hart, data);
    }

    @Override
    public void execute(Hart hart) {
        assert hart == this.hart;
        final long[] x = hart.integerRegisters();
        final long[] fetchTags = tlb.fetchTags();
        long pc = hart.pc();
        long retired = hart.retiredInstructions();
        while (retired < hart.budgetEnd()) {
            final long fetchContext = memory.fetchContext();
            final long context = memory.dataContext();
            int fetchIndex = Tlb.fetchIndex(pc, fetchContext);
            if (fetchTags[fetchIndex] != Tlb.tag(pc, fetchContext)) {
                hart.setPc(pc);
                fetchIndex = fetchPage(pc);
                if (fetchIndex < 0) {
                    pc = hart.pc();
                    continue;
                }
            }
            long[] slots = fetchSlots[fetchIndex];
            final long page = pc & PAGE_MASK;
            int slot = (int) (pc - page) >>> 1;
            try {
                inPage:
                for (; ; ) {
                    final long d = slots[slot];
                    final long a = x[(int) (d >>> 14) & 31];
                    final long b = x[(int) (d >>> 19) & 31];
                    final int rd = (int) (d >>> 8) & 63;
                    switch ((int) d & 0xFF) {
                        case Op.UNDECODED -> {
                            if (slots == crossing) {
                                // A jump from the crossing instruction: back to its own page.
                                break inPage;
                            }
                            slots[slot] = decode(slot, fetchIndex);
                            continue;
                        }
                        case Op.PAGE_END -> {
                            break inPage;
                        }
                        case Op.CROSSING -> {
                            crossing[slot] = decodeCrossing(page + 2L * slot, fetchIndex);
                            slots = crossing;
                            continue;
                        }
                        case Op.JAL -> {
                            x[rd] = page + 2L * (slot + halfwords(d));
                            slot += (int) (d >> 33);
                            retired++;
                            if (slot >>> 11 != 0 || retired >= hart.budgetEnd()) {
                                break inPage;
                            }
                            continue;
                        }
                        case Op.JALR -> {
                            x[rd] = page + 2L * (slot + halfwords(d));
                            retired++;
                            long target = a + (d >> 32);
                            long distance = target - page;
                            if (distance >>> 12 != 0 || retired >= hart.budgetEnd()) {
                                pc = target & -2;
                                slot = LEFT;
                                break inPage;
                            }
                            slot = (int) distance >>> 1;
                            continue;
                        }
                        case Op.BEQ -> {
                            if (a == b) {
                                slot += (int) (d >> 33);
                                retired++;
                                if (slot >>> 11 != 0 || retired >= hart.budgetEnd()) {
                                    break inPage;
                                }
                                continue;
                            }
                        }
                        case Op.BNE -> {
                            if (a != b) {
                                slot += (int) (d >> 33);
                                retired++;
                                if (slot >>> 11 != 0 || retired >= hart.budgetEnd()) {
                                    break inPage;
                                }
                                continue;
                            }
                        }
                        case Op.BLT -> {
                            if (a < b) {
                                slot += (int) (d >> 33);
                                retired++;
                                if (slot >>> 11 != 0 || retired >= hart.budgetEnd()) {
                                    break inPage;
                                }
                                continue;
                            }
                        }
                        case Op.BGE -> {
                            if (a >= b) {
                                slot += (int) (d >> 33);
                                retired++;
                                if (slot >>> 11 != 0 || retired >= hart.budgetEnd()) {
                                    break inPage;
                                }
                                continue;
                            }
                        }
                        case Op.BLTU -> {
                            if (Long.compareUnsigned(a, b) < 0) {
                                slot += (int) (d >> 33);
                                retired++;
                                if (slot >>> 11 != 0 || retired >= hart.budgetEnd()) {
                                    break inPage;
                                }
                                continue;
                            }
                        }
                        case Op.BGEU -> {
                            if (Long.compareUnsigned(a, b) >= 0) {
                                slot += (int) (d >> 33);
                                retired++;
                                if (slot >>> 11 != 0 || retired >= hart.budgetEnd()) {
                                    break inPage;
                                }
                                continue;
                            }
                        }
                        case Op.LB -> x[rd] = data.load8(a + (d >> 32), context);
                        case Op.LBU -> x[rd] = data.load8(a + (d >> 32), context) & 0xFFL;
                        case Op.LH -> x[rd] = data.load16(a + (d >> 32), context);
                        case Op.LHU -> x[rd] = data.load16(a + (d >> 32), context) & 0xFFFFL;
                        case Op.LW -> x[rd] = data.load32(a + (d >> 32), context);
                        case Op.LWU -> x[rd] = data.load32(a + (d >> 32), context) & 0xFFFF_FFFFL;
                        case Op.LD -> x[rd] = data.load64(a + (d >> 32), context);
                        case Op.SB -> data.store8(a + (d >> 32), context, (byte) b);
                        case Op.SH -> data.store16(a + (d >> 32), context, (short) b);
                        case Op.SW -> data.store32(a + (d >> 32), context, (int) b);
                        case Op.SD -> data.store64(a + (d >> 32), context, b);
                        case Op.LI -> x[rd] = d >> 32;
                        case Op.AUIPC -> x[rd] = page + 2L * slot + (d >> 32);
                        case Op.ADDI -> x[rd] = a + (d >> 32);
                        case Op.SLTI -> x[rd] = a < d >> 32 ? 1 : 0;
                        case Op.SLTIU -> x[rd] = Long.compareUnsigned(a, d >> 32) < 0 ? 1 : 0;
                        case Op.XORI -> x[rd] = a ^ d >> 32;
                        case Op.ORI -> x[rd] = a | d >> 32;
                        case Op.ANDI -> x[rd] = a & d >> 32;
                        case Op.SLLI -> x[rd] = a << (d >>> 32);
                        case Op.SRLI -> x[rd] = a >>> (d >>> 32);
                        case Op.SRAI -> x[rd] = a >> (d >>> 32);
                        case Op.ADDIW -> x[rd] = (int) a + (int) (d >> 32);
                        case Op.SLLIW -> x[rd] = (int) a << (int) (d >>> 32);
                        case Op.SRLIW -> x[rd] = (int) a >>> (int) (d >>> 32);
                        case Op.SRAIW -> x[rd] = (int) a >> (int) (d >>> 32);
                        case Op.ADD -> x[rd] = a + b;
                        case Op.SUB -> x[rd] = a - b;
                        case Op.SLL -> x[rd] = a << b;
                        case Op.SLT -> x[rd] = a < b ? 1 : 0;
                        case Op.SLTU -> x[rd] = Long.compareUnsigned(a, b) < 0 ? 1 : 0;
                        case Op.XOR -> x[rd] = a ^ b;
                        case Op.SRL -> x[rd] = a >>> b;
                        case Op.SRA -> x[rd] = a >> b;
                        case Op.OR -> x[rd] = a | b;
                        case Op.AND -> x[rd] = a & b;
                        case Op.ADDW -> x[rd] = (int) a + (int) b;
                        case Op.SUBW -> x[rd] = (int) a - (int) b;
                        case Op.SLLW -> x[rd] = (int) a << (int) b;
                        case Op.SRLW -> x[rd] = (int) a >>> (int) b;
                        case Op.SRAW -> x[rd] = (int) a >> (int) b;
                        case Op.MUL -> x[rd] = a * b;
                        case Op.MULH -> x[rd] = Math.multiplyHigh(a, b);
                        case Op.MULHSU -> x[rd] = Math.multiplyHigh(a, b) + (a & b >> 63);
                        case Op.MULHU -> x[rd] = Math.unsignedMultiplyHigh(a, b);
                        case Op.DIV -> x[rd] = b == 0 ? -1 : a / b;
                        case Op.DIVU -> x[rd] = b == 0 ? -1 : Long.divideUnsigned(a, b);
                        case Op.REM -> x[rd] = b == 0 ? a : a % b;
                        case Op.REMU -> x[rd] = b == 0 ? a : Long.remainderUnsigned(a, b);
                        case Op.MULW -> x[rd] = (int) a * (int) b;
                        case Op.DIVW -> x[rd] = (int) b == 0 ? -1 : (int) a / (int) b;
                        case Op.DIVUW ->
                                x[rd] =
                                        (int) b == 0
                                                ? -1
                                                : Integer.divideUnsigned((int) a, (int) b);
                        case Op.REMW -> x[rd] = (int) b == 0 ? (int) a : (int) a % (int) b;
                        case Op.REMUW ->
                                x[rd] =
                                        (int) b == 0
                                                ? (int) a
                                                : Integer.remainderUnsigned((int) a, (int) b);
                        default -> {
                            if (isSystem((int) d & 0xFF)) {
                                hart.setPc(page + 2L * slot);
                                hart.setRetiredInstructions(retired);
                                system(d, a);
                                retired = hart.retiredInstructions();
                                pc = hart.pc();
                                slot = LEFT;
                                break inPage;
                            }
                            rare(d, a, b);
                        }
                    }
                    slot += halfwords(d);
                    retired++;
                }
                if (slot != LEFT) {
                    pc = page + 2L * slot;
                }
            } catch (Trap trap) {
                hart.setPc(page + 2L * slot);
                hart.take(trap);
                pc = hart.pc();
            } catch (IllegalInstruction illegal) {
                hart.setPc(page + 2L * slot);
                hart.take(new Trap(TrapCause.ILLEGAL_INSTRUCTION, bits(page + 2L * slot)));
                pc = hart.pc();
            }
        }
        hart.setPc(pc);
        hart.setRetiredInstructions(retired);
    }

    private static int halfwords(long decoded) {
        return (int) (decoded >>> 24) & 3;
    }

    /// The fetch entry of this address; -1 if fetching traps, which is then taken. Where protection
    /// changes within the page, the entry is good for one instruction, and so are its slots.
    private int fetchPage(long pc) {
        try {
            int index = memory.fetch(pc);
            boolean kept = tlb.fetchTags()[index] == Tlb.tag(pc, memory.fetchContext());
            fetchSlots[index] = kept ? pages.at(tlb.fetchPage(index)) : loneInstruction(pc);
            return index;
        } catch (Trap trap) {
            hart.take(trap);
            return -1;
        }
    }

    private long[] loneInstruction(long pc) {
        crossing[DecodedPages.SLOTS - 1] = Op.UNDECODED;
        crossing[loneSlot] = Op.UNDECODED;
        loneSlot = (int) (pc & ~PAGE_MASK) >>> 1;
        int low = memory.fetchHalfword(pc);
        int bits = Decoder.isLong(low) ? memory.fetchHalfword(pc + 2) << 16 | low : low;
        crossing[loneSlot] = Decoder.decode(bits);
        return crossing;
    }

    private long decode(int slot, int fetchIndex) {
        long address = tlb.fetchPage(fetchIndex) + 2L * slot;
        int low = memory.codeHalfword(address);
        if (!Decoder.isLong(low)) {
            return Decoder.decode(low);
        }
        return slot == DecodedPages.SLOTS - 1
                ? Op.CROSSING
                : Decoder.decode(memory.codeHalfword(address + 2) << 16 | low);
    }

    /// Reads both halves each time, as either page may have been written or mapped anew, but does
    /// not decode the same bits twice.
    private long decodeCrossing(long pc, int fetchIndex) {
        crossing[loneSlot] = Op.UNDECODED;
        long next = pc + 2;
        int nextIndex = Tlb.fetchIndex(next, memory.fetchContext());
        if (tlb.fetchTags()[nextIndex] != Tlb.tag(next, memory.fetchContext())) {
            nextIndex = memory.fetch(next);
            fetchSlots[nextIndex] = pages.at(tlb.fetchPage(nextIndex));
        }
        int low = memory.codeHalfword(tlb.fetchPage(fetchIndex) + (pc & ~PAGE_MASK));
        int bits = memory.codeHalfword(tlb.fetchPage(nextIndex)) << 16 | low;
        int cached = (int) (pc >>> 12) & CROSSINGS - 1;
        if (crossingBits[cached] != bits) {
            crossingBits[cached] = bits;
            crossingDecoded[cached] = Decoder.decode(bits);
        }
        return crossingDecoded[cached];
    }

    /// The bits of the instruction at this address, for `mtval`.
    private long bits(long pc) {
        try {
            int low = memory.fetchHalfword(pc);
            return Decoder.isLong(low) ? (long) memory.fetchHalfword(pc + 2) << 16 | low : low;
        } catch (Trap unmappedMeanwhile) {
            return 0;
        }
    }

    private void rare(long d, long a, long b) {
        int op = Decoded.op(d);
        if (Op.isFloatingPoint(op)) {
            floats.execute(d, a);
        } else if (op >= Op.LR_W && op <= Op.AMOMAXU_D) {
            hart.integerRegisters()[Decoded.rd(d)] = atomics.execute(op, a, b);
        } else if (op == Op.FENCE) {
            hart.orderMemory();
        } else if (op >= Op.CBO_INVAL && op <= Op.CBO_ZERO) {
            cacheBlock(op, a);
        } else {
            hart.integerRegisters()[Decoded.rd(d)] =
                    BitManipulation.execute(op, a, b, (int) Decoded.immediate(d));
        }
    }

    private void cacheBlock(int op, long address) {
        CsrFile csrs = hart.csrs();
        switch (op) {
            case Op.CBO_INVAL -> csrs.checkBlockInvalidate();
            case Op.CBO_CLEAN -> csrs.checkBlockClean();
            default -> csrs.checkBlockZero();
        }
        if (op == Op.CBO_ZERO) {
            memory.zeroBlock(address, CACHE_BLOCK_BYTES);
        } else {
            memory.checkBlock(address, CACHE_BLOCK_BYTES);
        }
    }

    private static boolean isSystem(int op) {
        return op >= Op.ECALL && op <= Op.ILLEGAL || op == Op.FENCE_I || op == Op.SFENCE_INVAL;
    }

    /// Instructions after which nothing that was known may be relied on. The hart has pc and count.
    private void system(long d, long a) {
        long next = hart.pc() + 2L * Decoded.halfwords(d);
        int rs1 = Decoded.rs1(d);
        int csr = (int) Decoded.immediate(d);
        switch (Decoded.op(d)) {
            case Op.ECALL -> {
                hart.environmentCall();
                return;
            }
            case Op.EBREAK -> throw new Trap(TrapCause.BREAKPOINT, hart.pc());
            case Op.ILLEGAL ->
                    throw new Trap(
                            TrapCause.ILLEGAL_INSTRUCTION, Decoded.immediate(d) & 0xFFFF_FFFFL);
            case Op.SRET -> {
                hart.supervisorReturn();
                next = hart.pc();
            }
            case Op.MRET -> {
                hart.machineReturn();
                next = hart.pc();
            }
            case Op.WFI -> hart.executeWfi();
            case Op.FENCE_I -> hart.fenceOwnInstructions();
            case Op.SFENCE_INVAL -> hart.orderInvalidations();
            case Op.SFENCE_VMA -> hart.fenceTranslations(rs1, Decoded.rs2(d));
            case Op.CSRRW -> write(d, csr, a);
            case Op.CSRRWI -> write(d, csr, rs1);
            case Op.CSRRS -> set(d, csr, a, rs1 != 0);
            case Op.CSRRSI -> set(d, csr, rs1, rs1 != 0);
            case Op.CSRRC -> clear(d, csr, a, rs1 != 0);
            case Op.CSRRCI -> clear(d, csr, rs1, rs1 != 0);
            default -> throw new IllegalStateException("no system operation: " + Decoded.op(d));
        }
        hart.setPc(next);
        hart.setRetiredInstructions(hart.retiredInstructions() + 1);
    }

    private void write(long d, int csr, long value) {
        if (Decoded.rd(d) == Decoded.DISCARD) {
            hart.csrs().write(csr, value);
        } else {
            hart.integerRegisters()[Decoded.rd(d)] = hart.csrs().swap(csr, value);
        }
        hart.contextChanged();
    }

    private void set(long d, int csr, long mask, boolean writes) {
        CsrFile csrs = hart.csrs();
        hart.integerRegisters()[Decoded.rd(d)] = writes ? csrs.setBits(csr, mask) : csrs.read(csr);
        hart.contextChanged();
    }

    private void clear(long d, int csr, long mask, boolean writes) {
        CsrFile csrs = hart.csrs();
        hart.integerRegisters()[Decoded.rd(d)] =
                writes ? csrs.clearBits(csr, mask) : csrs.read(csr);
        hart.contextChanged();
    }
}
