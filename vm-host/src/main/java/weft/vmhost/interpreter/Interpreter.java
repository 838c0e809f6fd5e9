package weft.vmhost.interpreter;

import org.jspecify.annotations.Nullable;

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

import java.util.Arrays;

/// Executes one hart's instructions, one by one, from their decoded form.
///
/// The loop stays within a page of decoded slots; pc is the page's address and a slot number. It
/// goes through the fetch TLB when it leaves the page, and looks at the budget at each taken jump,
/// since straight code ends with its page. Whatever can change the rules of translation, privilege
/// or the decoded page itself is done in [SystemUnit], after which the loop starts over from the
/// hart.
///
/// Two things in the loop are there for speed. Where the next instruction stands is found by a
/// branch on the length of this one, which the processor predicts, and not by adding the length,
/// for which it would have to wait; and the second source is read only by those that have one.
///
/// HotSpot never compiles a method of more than 8000 bytes of bytecode: so [#executeUntil] holds
/// what compilers emit most, and the rest stands in methods by extension.
public final class Interpreter implements Engine {
    /// What a `cbo` instruction works on; the device tree says so.
    public static final int CACHE_BLOCK_BYTES = 64;

    private static final long PAGE_MASK = -4096;

    /// Set in the decoded form of an instruction of one halfword.
    private static final long COMPRESSED = 1L << 24;

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

    private final @Nullable DecodedPage[] fetchPages = new DecodedPage[Tlb.FETCH_ENTRIES];

    /// A page for one instruction that is not taken from its own: it crosses the end of it, or
    /// translated code begins there, or it may be fetched this once only. All else in it is
    /// undecoded.
    private final long[] aside = DecodedPage.emptySlots();

    private int asideSlot;

    /// What stood in the slots that [Op#REGION] took, by number of the head.
    private long[] displaced = new long[0];

    private final int[] crossingBits = new int[CROSSINGS];
    private final long[] crossingDecoded = new long[CROSSINGS];
    private final AtomicUnit atomics;
    private final FloatUnit floats;
    private final SystemUnit system;

    public Interpreter(Hart hart) {
        this.hart = hart;
        memory = hart.memory();
        tlb = hart.tlb();
        data = new DataPath(memory);
        pages = new DecodedPages(memory);
        atomics = new AtomicUnit(hart);
        floats = new FloatUnit(hart, data);
        system = new SystemUnit(hart);
    }

    @Override
    public void execute(Hart hart) {
        assert hart == this.hart;
        executeUntil(Long.MAX_VALUE);
    }

    @Override
    public void step(Hart hart) {
        SingleStep.of(this, hart);
    }

    /// Executes like [#execute], but also returns when the count of instructions has passed
    /// `pauseAt`, and where translated code begins: unless it begins at the first instruction,
    /// which is interpreted.
    public void executeUntil(long pauseAt) {
        final long[] x = hart.integerRegisters();
        final long[] fetchTags = tlb.fetchTags();
        long pc = hart.pc();
        long retired = hart.retiredInstructions();
        final long first = retired;
        interpreting:
        while (retired < hart.budgetEnd() && retired < pauseAt) {
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
                    final int rd = (int) (d >>> 8) & 63;
                    switch ((int) d & 0xFF) {
                        case Op.UNDECODED -> {
                            if (slots == aside) {
                                // Back to its own page.
                                break inPage;
                            }
                            slots[slot] = decode(tlb.fetchPage(fetchIndex), slot);
                            continue;
                        }
                        case Op.PAGE_END -> {
                            break inPage;
                        }
                        case Op.CROSSING -> {
                            slots = setAside(slot, decodeCrossing(page + 2L * slot, fetchIndex));
                            continue;
                        }
                        case Op.REGION -> {
                            if (retired == first) {
                                slots = setAside(slot, displaced[(int) (d >>> 32)]);
                                continue;
                            }
                            pc = page + 2L * slot;
                            break interpreting;
                        }
                        case Op.JAL -> {
                            x[rd] = page + 2L * (slot + halfwords(d));
                            slot += (int) (d >> 33);
                            retired++;
                            if (slot >>> 11 != 0 || isOver(retired, pauseAt)) {
                                break inPage;
                            }
                            continue;
                        }
                        case Op.JALR -> {
                            x[rd] = page + 2L * (slot + halfwords(d));
                            retired++;
                            long target = a + (d >> 32);
                            long distance = target - page;
                            if (distance >>> 12 != 0 || isOver(retired, pauseAt)) {
                                pc = target & -2;
                                slot = LEFT;
                                break inPage;
                            }
                            slot = (int) distance >>> 1;
                            continue;
                        }
                        case Op.BEQ -> {
                            if (a == x[rs2(d)]) {
                                slot += (int) (d >> 33);
                                retired++;
                                if (slot >>> 11 != 0 || isOver(retired, pauseAt)) {
                                    break inPage;
                                }
                                continue;
                            }
                        }
                        case Op.BNE -> {
                            if (a != x[rs2(d)]) {
                                slot += (int) (d >> 33);
                                retired++;
                                if (slot >>> 11 != 0 || isOver(retired, pauseAt)) {
                                    break inPage;
                                }
                                continue;
                            }
                        }
                        case Op.BLT -> {
                            if (a < x[rs2(d)]) {
                                slot += (int) (d >> 33);
                                retired++;
                                if (slot >>> 11 != 0 || isOver(retired, pauseAt)) {
                                    break inPage;
                                }
                                continue;
                            }
                        }
                        case Op.BGE -> {
                            if (a >= x[rs2(d)]) {
                                slot += (int) (d >> 33);
                                retired++;
                                if (slot >>> 11 != 0 || isOver(retired, pauseAt)) {
                                    break inPage;
                                }
                                continue;
                            }
                        }
                        case Op.BLTU -> {
                            if (Long.compareUnsigned(a, x[rs2(d)]) < 0) {
                                slot += (int) (d >> 33);
                                retired++;
                                if (slot >>> 11 != 0 || isOver(retired, pauseAt)) {
                                    break inPage;
                                }
                                continue;
                            }
                        }
                        case Op.BGEU -> {
                            if (Long.compareUnsigned(a, x[rs2(d)]) >= 0) {
                                slot += (int) (d >> 33);
                                retired++;
                                if (slot >>> 11 != 0 || isOver(retired, pauseAt)) {
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
                        case Op.SB -> data.store8(a + (d >> 32), context, (byte) x[rs2(d)]);
                        case Op.SH -> data.store16(a + (d >> 32), context, (short) x[rs2(d)]);
                        case Op.SW -> data.store32(a + (d >> 32), context, (int) x[rs2(d)]);
                        case Op.SD -> data.store64(a + (d >> 32), context, x[rs2(d)]);
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
                        case Op.ADD -> x[rd] = a + x[rs2(d)];
                        case Op.SUB -> x[rd] = a - x[rs2(d)];
                        case Op.SLL -> x[rd] = a << x[rs2(d)];
                        case Op.SLT -> x[rd] = a < x[rs2(d)] ? 1 : 0;
                        case Op.SLTU -> x[rd] = Long.compareUnsigned(a, x[rs2(d)]) < 0 ? 1 : 0;
                        case Op.XOR -> x[rd] = a ^ x[rs2(d)];
                        case Op.SRL -> x[rd] = a >>> x[rs2(d)];
                        case Op.SRA -> x[rd] = a >> x[rs2(d)];
                        case Op.OR -> x[rd] = a | x[rs2(d)];
                        case Op.AND -> x[rd] = a & x[rs2(d)];
                        case Op.ADDW -> x[rd] = (int) a + (int) x[rs2(d)];
                        case Op.SUBW -> x[rd] = (int) a - (int) x[rs2(d)];
                        case Op.SLLW -> x[rd] = (int) a << (int) x[rs2(d)];
                        case Op.SRLW -> x[rd] = (int) a >>> (int) x[rs2(d)];
                        case Op.SRAW -> x[rd] = (int) a >> (int) x[rs2(d)];
                        case Op.MUL -> x[rd] = a * x[rs2(d)];
                        case Op.MULH -> x[rd] = Math.multiplyHigh(a, x[rs2(d)]);
                        case Op.MULHSU ->
                                x[rd] = Math.multiplyHigh(a, x[rs2(d)]) + (a & x[rs2(d)] >> 63);
                        case Op.MULHU -> x[rd] = Math.unsignedMultiplyHigh(a, x[rs2(d)]);
                        case Op.MULW -> x[rd] = (int) a * (int) x[rs2(d)];
                        case Op.DIV,
                                Op.DIVU,
                                Op.REM,
                                Op.REMU,
                                Op.DIVW,
                                Op.DIVUW,
                                Op.REMW,
                                Op.REMUW ->
                                x[rd] = divide((int) d & 0xFF, a, x[rs2(d)]);
                        default -> {
                            if (SystemUnit.isSystem((int) d & 0xFF)) {
                                hart.setPc(page + 2L * slot);
                                hart.setRetiredInstructions(retired);
                                system.execute(d, a);
                                retired = hart.retiredInstructions();
                                pc = hart.pc();
                                slot = LEFT;
                                break inPage;
                            }
                            rare(d, a, x[rs2(d)]);
                        }
                    }
                    retired++;
                    if ((d & COMPRESSED) != 0) {
                        slot++;
                        continue;
                    }
                    slot += 2;
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

    /// The decoded page that this address is fetched from, if that is known without a walk.
    public @Nullable DecodedPage pageAt(long pc) {
        int index = Tlb.fetchIndex(pc, memory.fetchContext());
        return tlb.fetchTags()[index] == Tlb.tag(pc, memory.fetchContext())
                ? fetchPages[index]
                : null;
    }

    /// The slots behind the fetch TLB's entries, for an engine that looks there itself.
    public long[][] fetchSlots() {
        return fetchSlots;
    }

    /// From now on execution returns at this slot, which holds an instruction or another head.
    public void placeHead(DecodedPage page, int slot, int number) {
        long instruction = instructionAt(page, slot);
        if (instruction == Op.UNDECODED) {
            // The region comes from another hart, or from before the page was forgotten.
            instruction = decode(page.physicalPage(), slot);
        }
        if (number >= displaced.length) {
            displaced = Arrays.copyOf(displaced, Math.max(256, 2 * number));
        }
        displaced[number] = instruction;
        page.slots()[slot] = (long) number << 32 | Op.REGION;
    }

    /// What the slot would hold if no translated code began there.
    public long instructionAt(DecodedPage page, int slot) {
        long d = page.slots()[slot];
        return Decoded.op(d) == Op.REGION ? displaced[(int) (d >>> 32)] : d;
    }

    /// Every page is decoded anew, and no head is in place any more.
    public void forgetPages() {
        pages.forgetAll();
        tlb.flushFetches();
    }

    private boolean isOver(long retired, long pauseAt) {
        return retired >= hart.budgetEnd() || retired >= pauseAt;
    }

    long[] setAside(int slot, long decoded) {
        aside[asideSlot] = Op.UNDECODED;
        aside[slot] = decoded;
        asideSlot = slot;
        return aside;
    }

    private static int rs2(long decoded) {
        return (int) (decoded >>> 19) & 31;
    }

    private static int halfwords(long decoded) {
        return (int) (decoded >>> 24) & 3;
    }

    /// The fetch entry of this address; -1 if fetching traps, which is then taken. Where protection
    /// changes within the page, the entry is good for one instruction, and so are its slots.
    int fetchPage(long pc) {
        try {
            int index = memory.fetch(pc);
            boolean kept = tlb.fetchTags()[index] == Tlb.tag(pc, memory.fetchContext());
            if (kept) {
                open(index);
            } else {
                fetchSlots[index] = loneInstruction(pc);
            }
            return index;
        } catch (Trap trap) {
            hart.take(trap);
            return -1;
        }
    }

    private long[] loneInstruction(long pc) {
        int low = memory.fetchHalfword(pc);
        int bits = Decoder.isLong(low) ? memory.fetchHalfword(pc + 2) << 16 | low : low;
        return setAside((int) (pc & ~PAGE_MASK) >>> 1, Decoder.decode(bits));
    }

    private void open(int fetchIndex) {
        DecodedPage page = pages.at(tlb.fetchPage(fetchIndex));
        fetchPages[fetchIndex] = page;
        fetchSlots[fetchIndex] = page.slots();
    }

    long decode(long physicalPage, int slot) {
        long address = physicalPage + 2L * slot;
        int low = memory.codeHalfword(address);
        if (!Decoder.isLong(low)) {
            return Decoder.decode(low);
        }
        return slot == DecodedPage.SLOTS - 1
                ? Op.CROSSING
                : Decoder.decode(memory.codeHalfword(address + 2) << 16 | low);
    }

    /// Reads both halves each time, as either page may have been written or mapped anew, but does
    /// not decode the same bits twice.
    private long decodeCrossing(long pc, int fetchIndex) {
        long next = pc + 2;
        int nextIndex = Tlb.fetchIndex(next, memory.fetchContext());
        if (tlb.fetchTags()[nextIndex] != Tlb.tag(next, memory.fetchContext())) {
            nextIndex = memory.fetch(next);
            open(nextIndex);
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

    private static long divide(int op, long a, long b) {
        int aWord = (int) a;
        int bWord = (int) b;
        return switch (op) {
            case Op.DIV -> b == 0 ? -1 : a / b;
            case Op.DIVU -> b == 0 ? -1 : Long.divideUnsigned(a, b);
            case Op.REM -> b == 0 ? a : a % b;
            case Op.REMU -> b == 0 ? a : Long.remainderUnsigned(a, b);
            case Op.DIVW -> bWord == 0 ? -1 : aWord / bWord;
            case Op.DIVUW -> bWord == 0 ? -1 : Integer.divideUnsigned(aWord, bWord);
            case Op.REMW -> bWord == 0 ? aWord : aWord % bWord;
            case Op.REMUW -> bWord == 0 ? aWord : Integer.remainderUnsigned(aWord, bWord);
            default -> throw new IllegalStateException("no division: " + op);
        };
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
}
