package weft.vmhost.translator;

import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.VirtualMemory;
import weft.vmhost.interpreter.DecodedPage;
import weft.vmhost.interpreter.Interpreter;
import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;
import weft.vmhost.isa.fp.FloatFlags;
import weft.vmhost.isa.fp.RoundingMode;
import weft.vmhost.mmu.Tlb;

import java.util.Arrays;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/// Executes one hart's instructions: translated where there are regions, interpreted elsewhere.
///
/// A region's heads are marked in the interpreter's decoded pages. So whatever makes the
/// interpreter look at an instruction anew (another page mapped there, a page written, an
/// instruction fence) makes a region unreachable at the same moment, and a region needs no other
/// condition to be run.
public final class Translator implements Engine {
    private static final long PAGE_MASK = -4096;

    /// Numbers of heads; when they have run out, all pages are decoded anew.
    private static final int HEADS_MAX = 1 << 16;

    private static final int HEADS_AT_FIRST = 256;

    /// A place where a region can be entered.
    private record Head(Region region, RegionCode code, int entry) {}

    private record Finished(DecodedPage page, Region region) {}

    private final Hart hart;
    private final VirtualMemory memory;
    private final Interpreter interpreter;
    private final Translations translations;
    private final TranslatorSettings settings;
    private final RegionCall call;
    private final Heat heat;
    private final Queue<Finished> finished = new ConcurrentLinkedQueue<>();
    private Head[] heads = new Head[HEADS_AT_FIRST];
    private int headCount;
    private int generation;
    private int untilSample;

    // Not reported yet.
    private long interpreted;
    private long translated;
    private long regionRuns;

    Translator(Hart hart, Translations translations, TranslatorSettings settings) {
        this.hart = hart;
        this.translations = translations;
        this.settings = settings;
        memory = hart.memory();
        interpreter = new Interpreter(hart);
        call = new RegionCall(hart);
        heat = new Heat(settings.samplesToTranslate());
        untilSample = settings.samplePeriod();
    }

    @Override
    public void execute(Hart hart) {
        assert hart == this.hart;
        install();
        while (hart.retiredInstructions() < hart.budgetEnd()) {
            runRegions();
            if (hart.retiredInstructions() < hart.budgetEnd()) {
                interpret();
            }
        }
        if (interpreted + translated >= TranslatorCounts.REPORT_INSTRUCTIONS) {
            report();
        }
    }

    @Override
    public void step(Hart hart) {
        interpreter.step(hart);
    }

    /// Goes from region to region until one ends where none begins.
    private void runRegions() {
        final RegionCall call = this.call;
        final long[] fetchTags = hart.tlb().fetchTags();
        final long[][] fetchSlots = interpreter.fetchSlots();
        final long fetchContext = memory.fetchContext();
        final Head[] heads = this.heads;
        final int budgetMax = settings.budgetMax();
        long pc = hart.pc();
        long retired = hart.retiredInstructions();
        int runs = 0;
        call.context = memory.dataContext();
        call.floats = floats();
        call.interpretNext = false;
        while (!call.interpretNext) {
            long left = hart.budgetEnd() - retired;
            int fetchIndex = Tlb.fetchIndex(pc, fetchContext);
            if (left <= 0 || fetchTags[fetchIndex] != Tlb.tag(pc, fetchContext)) {
                break;
            }
            long d = fetchSlots[fetchIndex][(int) (pc & ~PAGE_MASK) >>> 1];
            if (Decoded.op(d) != Op.REGION) {
                break;
            }
            Head head = heads[(int) (d >>> 32)];
            int budget = (int) Math.min(left, budgetMax);
            call.budget = budget;
            runs++;
            pc = head.code.run(call, head.entry, pc & PAGE_MASK);
            int executed = budget - call.budget;
            retired += executed;
            if (head.region.becomesHot(executed)) {
                TranslationThread.optimize(head.region);
            }
        }
        hart.setPc(pc);
        translated += retired - hart.retiredInstructions();
        hart.setRetiredInstructions(retired);
        regionRuns += runs;
    }

    /// What regions may do with floats until an instruction is interpreted again.
    private int floats() {
        if (!hart.isFloatDirty()) {
            return 0;
        }
        boolean rounds = hart.roundingMode() == RoundingMode.RNE;
        return rounds && (hart.floatFlags().accrued & FloatFlags.INEXACT) != 0
                ? RegionCall.ARITHMETIC
                : RegionCall.MOVES;
    }

    private void report() {
        TranslatorCounts counts = translations.counts();
        counts.instructionsInterpreted.add(interpreted);
        counts.instructionsTranslated.add(translated);
        counts.regionRuns.add(regionRuns);
        interpreted = 0;
        translated = 0;
        regionRuns = 0;
    }

    private void interpret() {
        long before = hart.retiredInstructions();
        long from = hart.pc();
        interpreter.executeUntil(before + untilSample);
        int executed = (int) (hart.retiredInstructions() - before);
        interpreted += executed;
        untilSample -= executed;
        if (untilSample <= 0) {
            report();
            untilSample = settings.samplePeriod();
            install();
            sample(from);
        }
    }

    /// Execution is here, interpreted, once in so many instructions.
    ///
    /// @param from where the interpreter began. If it came to a head, this was the gap between two
    ///   regions; unless a region needed it for a single instruction
    private void sample(long from) {
        if (!note(hart.pc()) && !call.interpretNext) {
            boolean _ = note(from);
        }
    }

    /// Notes that execution was here, and has it translated if that was often; answers false if a
    /// region begins here.
    private boolean note(long pc) {
        DecodedPage page = interpreter.pageAt(pc);
        if (page == null) {
            return true;
        }
        int slot = (int) (pc & ~PAGE_MASK) >>> 1;
        if (!InstructionFlow.isInstruction(page.slots()[slot])) {
            return false;
        }
        // No region can begin at what the interpreter has to execute.
        if (InstructionWriter.isTranslated(page.slots()[slot]) && heat.isHot(page, slot)) {
            Region known = translations.find(page, slot);
            if (known != null) {
                place(page, known);
            } else {
                translations.request(page, snapshot(page), slot, this);
                install();
            }
        }
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

    /// A region that this hart has asked for can be run. From any thread.
    void accept(DecodedPage page, Region region) {
        finished.add(new Finished(page, region));
    }

    private void forgetHeads() {
        interpreter.forgetPages();
        heads = new Head[HEADS_AT_FIRST];
        headCount = 0;
    }

    private void install() {
        if (generation != translations.generation()) {
            generation = translations.generation();
            forgetHeads();
        }
        for (Finished next = finished.poll(); next != null; next = finished.poll()) {
            place(next.page, next.region);
        }
    }

    private void place(DecodedPage page, Region region) {
        if (headCount + region.entries().size() > HEADS_MAX) {
            forgetHeads();
            return;
        }
        for (int entry = 0; entry < region.entries().size(); entry++) {
            if (headCount == heads.length) {
                heads = Arrays.copyOf(heads, 2 * headCount);
            }
            heads[headCount] = new Head(region, region.code(), entry);
            interpreter.placeHead(page, region.entries().get(entry), headCount++);
        }
    }
}
