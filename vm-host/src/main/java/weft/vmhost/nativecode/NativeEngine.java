package weft.vmhost.nativecode;

import org.jspecify.annotations.Nullable;

import weft.runtime.BrokenInvariant;
import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.HartWindow;
import weft.vmhost.hart.Privilege;
import weft.vmhost.hart.VirtualMemory;
import weft.vmhost.interpreter.DecodedPage;
import weft.vmhost.interpreter.Interpreter;
import weft.vmhost.interpreter.LoneInstruction;
import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;
import weft.vmhost.isa.fp.FloatFlags;
import weft.vmhost.isa.fp.RoundingMode;
import weft.vmhost.memory.HostMemory;
import weft.vmhost.mmu.Tlb;
import weft.vmhost.translator.InstructionFlow;
import weft.vmhost.translator.TranslatorCounts;

import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/// Executes one hart's instructions: as machine code where there is some, interpreted elsewhere.
///
/// Where code begins is marked in the interpreter's decoded pages, and a page's table of code goes
/// with the fetch TLB's entry for it. So whatever makes the interpreter look at an instruction anew
/// (another page mapped there, a page written, an instruction fence) makes code unreachable at the
/// same moment, and code needs no other condition to be run.
final class NativeEngine implements Engine {
    private static final long PAGE_MASK = -4096;

    /// Numbers of heads; when they have run out, all pages are decoded anew.
    private static final int HEADS_MAX = 1 << 20;

    // What HartWindow.FLOATS may say.
    private static final int FORBIDDEN = 0;
    private static final int ALLOWED = 1;
    private static final int IN_USE = 2;

    /// All exceptions masked, no flag raised, no flushing to zero; the rounding mode is to be
    /// added.
    private static final int MXCSR = 0x1F80;

    private static final int MXCSR_ROUNDING_SHIFT = 13;

    /// How many instructions an interlude between two runs of code counts for, beside its own, when
    /// places are looked for that ought to be translated.
    private static final int INTERLUDE_WEIGHT = 15;

    /// What a page has that was looked up in vain.
    private static final Object NONE_YET = new Object();

    private record Finished(DecodedPage page, CodePage code, BitSet heads) {}

    private final Hart hart;
    private final VirtualMemory memory;
    private final Tlb tlb;
    private final long window;
    private final Interpreter interpreter;
    private final LoneInstruction lone;
    private final NativeCode nativeCode;
    private final NativeSettings settings;
    private final MemorySegment x;
    private final MemorySegment f;
    private final Queue<Finished> finished = new ConcurrentLinkedQueue<>();
    private CodeCache cache;
    private int headCount;
    private int untilSample;
    private long forgottenTicks;

    // Not reported yet.
    private long interpreted;
    private long translated;
    private long runs;

    NativeEngine(Hart hart, NativeCode nativeCode, NativeSettings settings) {
        this.hart = hart;
        this.nativeCode = nativeCode;
        this.settings = settings;
        memory = hart.memory();
        tlb = hart.tlb();
        window = tlb.base();
        interpreter = nativeCode.interpreter(hart);
        interpreter.setHeadFinder(this::headAt);
        lone = new LoneInstruction(hart, interpreter);
        untilSample = settings.samplePeriod();
        x = MemorySegment.ofArray(hart.integerRegisters());
        f = MemorySegment.ofArray(hart.floatRegisters());
        cache = nativeCode.cache();
        HostMemory.putInt(window + HartWindow.HOST_MXCSR, MXCSR);
        FloatWriter.initialize(window);
    }

    @Override
    public void execute(Hart hart) {
        assert hart == this.hart;
        install();
        forgetUnused();
        while (hart.retiredInstructions() < hart.budgetEnd()) {
            long address = address(hart.pc());
            if (address == 0 || !run(address)) {
                interpret();
            }
        }
        if (interpreted + translated >= TranslatorCounts.REPORT_INSTRUCTIONS) {
            report();
        }
    }

    private void forgetUnused() {
        long ticks = hart.time();
        if (Math.abs(ticks - forgottenTicks) > settings.forgetTicks()) {
            forgottenTicks = ticks;
            interpreter.forgetUnusedPages();
            nativeCode.lookWhetherIdle(ticks);
        }
    }

    @Override
    public void step(Hart hart) {
        interpreter.step(hart);
    }

    /// Where the code of this instruction is, or 0. May take a trap, and then answers 0.
    private long address(long pc) {
        long context = memory.fetchContext();
        int index = Tlb.fetchIndex(pc, context);
        if (tlb.fetchTags()[index] != Tlb.tag(pc, context)) {
            index = interpreter.fetchPage(pc);
            if (index < 0 || tlb.fetchTags()[index] != Tlb.tag(pc, context)) {
                return 0;
            }
        }
        CodePage code = codeOf(interpreter.openPage(index));
        if (code == null) {
            return 0;
        }
        int slot = (int) (pc & ~PAGE_MASK) >>> 1;
        if (!code.hasCode(slot)) {
            return 0;
        }
        tlb.noteCode(index, code.table());
        HostMemory.putLong(window + HartWindow.PAGE, pc & PAGE_MASK);
        return code.address(slot);
    }

    /// The code of a page, whoever had it translated, if the page was decoded only now.
    private @Nullable CodePage codeOf(DecodedPage page) {
        Object code = page.code();
        if (code == null) {
            code = nativeCode.find(page);
            page.setCode(code == null ? NONE_YET : code);
        }
        return code instanceof CodePage known && known.cache() == cache ? known : null;
    }

    /// For pages whose code is older than what the interpreter decodes there.
    private int headAt(DecodedPage page, int slot) {
        CodePage code = codeOf(page);
        return code != null && code.hasCode(slot) && headCount < HEADS_MAX ? headCount++ : -1;
    }

    /// Runs code, from one exit to the next, until there is none where execution goes; answers
    /// whether it executed anything.
    private boolean run(long from) {
        long before = hart.retiredInstructions();
        long address = from;
        // Instructions of the block that is gone on with: taken off the budget when it began.
        int begun = 0;
        boolean floatsInUse = false;
        setContexts();
        while (address != 0) {
            long left = hart.budgetEnd() - hart.retiredInstructions();
            if (left <= begun) {
                break;
            }
            int budget = (int) Math.min(left, settings.budgetMax());
            int unused = call(address, budget - begun, floatsInUse);
            long exit = HostMemory.getLong(window + HartWindow.EXIT);
            begun = 0;
            floatsInUse = false;
            if (exit == 0) {
                hart.setRetiredInstructions(hart.retiredInstructions() + budget - unused);
                hart.setPc(HostMemory.getLong(window + HartWindow.PC));
                address = address(hart.pc());
                continue;
            }
            int executed = budget - unused - ExitRecord.counted(exit);
            hart.setRetiredInstructions(hart.retiredInstructions() + executed);
            hart.setPc(HostMemory.getLong(window + HartWindow.PAGE) + 2L * ExitRecord.slot(exit));
            long d = ExitRecord.instruction(exit);
            if (d == ExitRecord.BUDGET) {
                address = executed == 0 ? 0 : address(hart.pc());
            } else if (d == ExitRecord.BROKEN) {
                throw new BrokenInvariant("machine code would access memory of the host");
            } else if (Unit.isCrossing(d)) {
                interpreter.step(hart);
                address = address(hart.pc());
                setContexts();
            } else if (lone.execute(d) && goesOn(exit)) {
                begun = ExitRecord.counted(exit) - 1;
                floatsInUse = ExitRecord.needsFloats(exit);
                address = cache.base() + ExitRecord.resume(exit);
            } else {
                address = address(hart.pc());
                setContexts();
            }
        }
        long executed = hart.retiredInstructions() - before;
        translated += executed;
        return executed != 0;
    }

    private boolean goesOn(long exit) {
        return ExitRecord.resume(exit) != 0
                && (!ExitRecord.needsFloats(exit) || areFloatsAllowed());
    }

    private void setContexts() {
        long data = memory.dataContext();
        long fetch = memory.fetchContext();
        HostMemory.putLong(window + HartWindow.CONTEXT, data);
        HostMemory.putLong(window + HartWindow.CONTEXT_INDEX, data << 1 + Tlb.ENTRY_SHIFT);
        HostMemory.putLong(window + HartWindow.FETCH_CONTEXT, fetch);
        HostMemory.putLong(
                window + HartWindow.FETCH_CONTEXT_INDEX, fetch << 1 + Tlb.CODE_ENTRY_SHIFT);
        HostMemory.putInt(window + HartWindow.BLOCK_ZERO, hart.csrs().isBlockZeroAllowed() ? 1 : 0);
    }

    /// Answers what is left of the budget.
    private int call(long address, int budget, boolean floatsInUse) {
        runs++;
        int floats = floatsInUse ? IN_USE : areFloatsAllowed() ? ALLOWED : FORBIDDEN;
        HostMemory.putInt(window + HartWindow.FLOATS, floats);
        HostMemory.putInt(window + HartWindow.BUDGET, budget);
        cache.run(x, f, window, address);
        if (floats != FORBIDDEN && HostMemory.getInt(window + HartWindow.FLOATS) == IN_USE) {
            accrueFlags(HostMemory.getInt(window + HartWindow.GUEST_MXCSR));
        }
        return HostMemory.getInt(window + HartWindow.BUDGET);
    }

    /// Whether floats may be executed, and MXCSR is prepared for it.
    private boolean areFloatsAllowed() {
        if (!hart.isFloatDirty()) {
            return false;
        }
        int rounding =
                switch (hart.roundingMode()) {
                    case RoundingMode.RNE -> 0;
                    case RoundingMode.RDN -> 1;
                    case RoundingMode.RUP -> 2;
                    case RoundingMode.RTZ -> 3;
                    default -> -1;
                };
        HostMemory.putInt(
                window + HartWindow.GUEST_MXCSR, MXCSR | rounding << MXCSR_ROUNDING_SHIFT);
        return rounding >= 0;
    }

    private void accrueFlags(int mxcsr) {
        int flags = 0;
        flags |= (mxcsr & 1) != 0 ? FloatFlags.INVALID : 0;
        flags |= (mxcsr & 1 << 2) != 0 ? FloatFlags.DIVIDE_BY_ZERO : 0;
        flags |= (mxcsr & 1 << 3) != 0 ? FloatFlags.OVERFLOW : 0;
        flags |= (mxcsr & 1 << 4) != 0 ? FloatFlags.UNDERFLOW : 0;
        flags |= (mxcsr & 1 << 5) != 0 ? FloatFlags.INEXACT : 0;
        hart.floatFlags().accrued |= flags;
    }

    private void interpret() {
        long before = hart.retiredInstructions();
        long from = hart.pc();
        interpreter.executeUntil(before + untilSample);
        int executed = (int) (hart.retiredInstructions() - before);
        interpreted += executed;
        untilSample -= executed + INTERLUDE_WEIGHT;
        if (untilSample <= 0) {
            untilSample = settings.samplePeriod();
            report();
            install();
            // Where code begins, this was the gap between two pieces of it.
            if (!note(hart.pc())) {
                boolean _ = note(from);
            }
        }
    }

    private void report() {
        nativeCode.counts().executed(interpreted, translated, runs);
        interpreted = 0;
        translated = 0;
        runs = 0;
    }

    /// Notes that execution was here, and has it translated if that was often; answers false if
    /// code begins here.
    private boolean note(long pc) {
        DecodedPage page = interpreter.pageAt(pc);
        if (page == null) {
            return true;
        }
        int slot = (int) (pc & ~PAGE_MASK) >>> 1;
        if (!InstructionFlow.isInstruction(page.slots()[slot])) {
            return false;
        }
        if (isHot(page, slot)) {
            CodePage known = nativeCode.find(page);
            if (known != null && known.cache() == cache && known.hasCode(slot)) {
                place(page, known, known.heads());
            } else {
                nativeCode.request(page, snapshot(page), slot, isOfUser(), this);
                install();
            }
        }
        return true;
    }

    private boolean isOfUser() {
        return hart.privilege() == Privilege.USER;
    }

    private boolean isHot(DecodedPage page, int slot) {
        byte[] heat = page.heat();
        int place = slot >>> DecodedPage.HEAT_SHIFT;
        if (++heat[place] < settings.samplesToTranslate()) {
            return false;
        }
        heat[place] = 0;
        return true;
    }

    private long[] snapshot(DecodedPage page) {
        long[] slots = page.slots().clone();
        for (int slot = 0; slot < DecodedPage.SLOTS; slot++) {
            if (Decoded.op(slots[slot]) == Op.REGION) {
                slots[slot] = interpreter.instructionAt(page, slot);
            }
        }
        return slots;
    }

    /// Code that this hart has asked for can be run. From any thread.
    void accept(DecodedPage page, CodePage code, BitSet heads) {
        finished.add(new Finished(page, code, heads));
    }

    private void install() {
        if (cache != nativeCode.cache()) {
            cache = nativeCode.cache();
            forgetHeads();
        }
        for (Finished next = finished.poll(); next != null; next = finished.poll()) {
            place(next.page, next.code, next.heads);
        }
    }

    private void forgetHeads() {
        interpreter.forgetPages();
        headCount = 0;
    }

    private void place(DecodedPage page, CodePage code, BitSet heads) {
        if (code.cache() != cache) {
            return;
        }
        if (headCount + heads.cardinality() > HEADS_MAX) {
            forgetHeads();
            return;
        }
        page.setCode(code);
        for (int slot = heads.nextSetBit(0); slot >= 0; slot = heads.nextSetBit(slot + 1)) {
            if (Decoded.op(page.slots()[slot]) != Op.REGION) {
                interpreter.placeHead(page, slot, headCount++);
            }
        }
    }
}
