package weft.vmhost.interpreter;

import org.jspecify.annotations.Nullable;

import weft.vmhost.hart.CsrFile;
import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.HartWindow;
import weft.vmhost.hart.IllegalInstruction;
import weft.vmhost.hart.Trap;
import weft.vmhost.hart.TrapCause;
import weft.vmhost.hart.VirtualMemory;
import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Decoder;
import weft.vmhost.isa.Op;
import weft.vmhost.mmu.Tlb;

import java.util.Arrays;
import java.util.Objects;

/// Executes one hart's instructions, one by one, from their decoded form.
///
/// A [PageLoop] executes most of them, within a page of decoded slots; pc is the page's address and
/// a slot number. What it does not execute it stops at; that is done here, and it runs on from the
/// next slot. Execution goes through the fetch TLB when it leaves the page.
///
/// Whatever can change the rules of translation, privilege or the decoded page itself is done in
/// [SystemUnit], after which everything starts over from the hart.
public final class Interpreter implements Engine {
    /// What a `cbo` instruction works on; the device tree says so.
    public static final int CACHE_BLOCK_BYTES = 64;

    private static final long PAGE_MASK = -4096;

    /// How many page-crossing instructions are remembered decoded.
    private static final int CROSSINGS = 64;

    private final Hart hart;
    private final PageLoop loop;
    private final VirtualMemory memory;
    private final Tlb tlb;
    private final DataPath data;
    private final DecodedPages pages;
    private final long[] x;
    private final long[] frame = new long[PageLoop.FRAME_LENGTH];

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
    private HeadFinder headFinder = (_, _) -> -1;
    private final AtomicUnit atomics;
    private final FloatUnit floats;
    private final SystemUnit system;

    public Interpreter(Hart hart) {
        this(hart, PageRun::run);
    }

    /// @param loop executes most of it
    public Interpreter(Hart hart, PageLoop loop) {
        this.hart = hart;
        this.loop = loop;
        memory = hart.memory();
        tlb = hart.tlb();
        x = hart.integerRegisters();
        frame[PageLoop.BUDGET_END] = tlb.base() + HartWindow.BUDGET_END;
        data = new DataPath(memory);
        pages = new DecodedPages(memory);
        atomics = new AtomicUnit(hart);
        floats = new FloatUnit(hart, data);
        system = new SystemUnit(hart);
    }

    /// Of an engine that knows where translated code begins, also in pages that are decoded anew.
    @FunctionalInterface
    public interface HeadFinder {
        /// A number of its own for [#placeHead] if translated code begins here, else -1.
        int headAt(DecodedPage page, int slot);
    }

    /// To be asked about each instruction when it is decoded.
    public void setHeadFinder(HeadFinder finder) {
        headFinder = finder;
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
        final long[] fetchTags = tlb.fetchTags();
        final long first = hart.retiredInstructions();
        boolean goesOn = true;
        while (goesOn
                && hart.retiredInstructions() < hart.budgetEnd()
                && hart.retiredInstructions() < pauseAt) {
            final long pc = hart.pc();
            int fetchIndex = Tlb.fetchIndex(pc, memory.fetchContext());
            if (fetchTags[fetchIndex] != Tlb.tag(pc, memory.fetchContext())) {
                fetchIndex = fetchPage(pc);
                if (fetchIndex < 0) {
                    continue;
                }
            }
            goesOn = executeInPage(fetchIndex, first, pauseAt);
        }
    }

    /// Executes until the page is left, the rules may have changed, or the budget is used up;
    /// answers false where translated code begins.
    private boolean executeInPage(int fetchIndex, long first, long pauseAt) {
        long[] slots = fetchSlots[fetchIndex];
        final long page = hart.pc() & PAGE_MASK;
        int slot = (int) (hart.pc() - page) >>> 1;
        long retired = hart.retiredInstructions();
        PageLoop.setPage(frame, page, tlb, memory.dataContext());
        try {
            for (; ; ) {
                // Floats come in rows, and the loop would return at each.
                if (!Op.isFloatingPoint(Decoded.op(slots[slot]))) {
                    final long left = Math.min(hart.budgetEnd(), pauseAt) - retired;
                    frame[PageLoop.END] = Math.min(left, PageLoop.END_MAX);
                    final long cursor = loop.run(x, slots, slot, frame);
                    retired += cursor >> PageLoop.COUNT_SHIFT;
                    slot = (int) cursor & PageLoop.SLOT_MASK;
                }
                final long d = slots[slot];
                switch (Decoded.op(d)) {
                    case Op.UNDECODED -> {
                        if (slots == aside) {
                            // Back to its own page.
                            return leave(page, slot, retired);
                        }
                        decodeInto(openPage(fetchIndex), slot);
                        continue;
                    }
                    case Op.PAGE_END -> {
                        return leave(page, slot, retired);
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
                        leave(page, slot, retired);
                        return false;
                    }
                    case Op.JAL, Op.JALR, Op.BEQ, Op.BNE, Op.BLT, Op.BGE, Op.BLTU, Op.BGEU -> {
                        hart.setPc(jump(d, page + 2L * slot));
                        hart.setRetiredInstructions(retired + 1);
                        return true;
                    }
                    default -> {
                        if (SystemUnit.isSystem(Decoded.op(d))) {
                            leave(page, slot, retired);
                            system.execute(d, x[Decoded.rs1(d)]);
                            return true;
                        }
                        executeRare(d);
                    }
                }
                retired++;
                slot += Decoded.halfwords(d);
            }
        } catch (Trap trap) {
            leave(page, slot, retired);
            hart.take(trap);
        } catch (IllegalInstruction illegal) {
            leave(page, slot, retired);
            hart.take(new Trap(TrapCause.ILLEGAL_INSTRUCTION, bits(page + 2L * slot)));
        }
        return true;
    }

    private void decodeInto(DecodedPage page, int slot) {
        page.slots()[slot] = decode(page.physicalPage(), slot);
        int head = headFinder.headAt(page, slot);
        if (head >= 0) {
            placeHead(page, slot, head);
        }
    }

    private boolean leave(long page, int slot, long retired) {
        hart.setPc(page + 2L * slot);
        hart.setRetiredInstructions(retired);
        return true;
    }

    /// The decoded page that this address is fetched from, if that is known without a walk.
    public @Nullable DecodedPage pageAt(long pc) {
        int index = Tlb.fetchIndex(pc, memory.fetchContext());
        return tlb.fetchTags()[index] == Tlb.tag(pc, memory.fetchContext())
                ? fetchPages[index]
                : null;
    }

    /// The page behind an entry of the fetch TLB that has a tag.
    public DecodedPage openPage(int fetchIndex) {
        return Objects.requireNonNull(fetchPages[fetchIndex]);
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

    /// Gives up the pages that execution has not come to since the last call: a guest that has
    /// booted and idles uses a tenth of them. Heads in them are found again by the [HeadFinder].
    public void forgetUnusedPages() {
        pages.forgetUnused();
        // So that those in use are asked for again, and nobody holds the others.
        tlb.flushFetches();
        Arrays.fill(fetchPages, null);
        Arrays.fill(fetchSlots, aside);
    }

    long[] setAside(int slot, long decoded) {
        aside[asideSlot] = Op.UNDECODED;
        aside[slot] = decoded;
        asideSlot = slot;
        return aside;
    }

    /// The fetch entry of this address; -1 if fetching traps, which is then taken. Where protection
    /// changes within the page, the entry is good for one instruction, and so are its slots.
    public int fetchPage(long pc) {
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
    long bits(long pc) {
        try {
            int low = memory.fetchHalfword(pc);
            return Decoder.isLong(low) ? (long) memory.fetchHalfword(pc + 2) << 16 | low : low;
        } catch (Trap unmappedMeanwhile) {
            return 0;
        }
    }

    /// Writes the link of a jump, if it has one; answers where execution goes on.
    private long jump(long d, long pc) {
        final long next = pc + 2L * Decoded.halfwords(d);
        final long a = x[Decoded.rs1(d)];
        final long b = x[Decoded.rs2(d)];
        final boolean isTaken =
                switch (Decoded.op(d)) {
                    case Op.BEQ -> a == b;
                    case Op.BNE -> a != b;
                    case Op.BLT -> a < b;
                    case Op.BGE -> a >= b;
                    case Op.BLTU -> Long.compareUnsigned(a, b) < 0;
                    case Op.BGEU -> Long.compareUnsigned(a, b) >= 0;
                    default -> {
                        x[Decoded.rd(d)] = next;
                        yield true;
                    }
                };
        if (Decoded.op(d) == Op.JALR) {
            return a + Decoded.immediate(d) & -2;
        }
        return isTaken ? pc + Decoded.immediate(d) : next;
    }

    /// What a [PageLoop] leaves: accesses that miss the TLB, and what compilers emit seldom.
    void executeRare(long d) {
        final int op = Decoded.op(d);
        final long a = x[Decoded.rs1(d)];
        final long b = x[Decoded.rs2(d)];
        if (Op.isFloatingPoint(op)) {
            floats.execute(d, a);
        } else if (op >= Op.LB && op <= Op.LWU) {
            x[Decoded.rd(d)] = data.load(op, a + Decoded.immediate(d));
        } else if (op >= Op.SB && op <= Op.SD) {
            data.store(op, a + Decoded.immediate(d), b);
        } else if (op >= Op.MUL && op <= Op.REMUW) {
            x[Decoded.rd(d)] = Multiplication.execute(op, a, b);
        } else if (op >= Op.LR_W && op <= Op.AMOMAXU_D) {
            x[Decoded.rd(d)] = atomics.execute(op, a, b);
        } else if (op == Op.FENCE) {
            hart.orderMemory();
        } else if (op >= Op.CBO_INVAL && op <= Op.CBO_ZERO) {
            cacheBlock(op, a);
        } else {
            x[Decoded.rd(d)] = BitManipulation.execute(op, a, b, (int) Decoded.immediate(d));
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
