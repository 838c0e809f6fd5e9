package weft.vmhost.nativecode;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.HartWindow;
import weft.vmhost.hart.VirtualMemory;
import weft.vmhost.interpreter.DecodedPage;
import weft.vmhost.interpreter.Interpreter;
import weft.vmhost.interpreter.PageLoop;
import weft.vmhost.memory.HostMemory;
import weft.vmhost.translator.TranslatorCounts;
import weft.vmhost.translator.TranslatorSettings.Access;

import java.util.BitSet;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// Makes machine code for the harts of one machine.
public final class NativeCode {
    /// More than any instruction takes with its exit; 80 are usual.
    private static final int BYTES_PER_INSTRUCTION_MAX = 300;

    private static final Logger log = LoggerFactory.getLogger(NativeCode.class);

    /// Of all harts in a tick of the guest's time; a machine that executes fewer idles.
    private static final int IDLE_INSTRUCTIONS_PER_TICK = 2;

    private record PageKey(long physicalPage, int version) {}

    private final NativeSettings settings;
    private final TranslatorCounts counts = new TranslatorCounts();
    private final Map<PageKey, CodePage> pages = new ConcurrentHashMap<>();
    private volatile CodeCache cache;

    // When it was last looked whether the machine idles, and what it had executed by then.
    private long lookedTicks;
    private long lookedInstructions;

    /// The cache is, and there is no memory for another.
    private boolean full;

    public NativeCode(NativeSettings settings) {
        this.settings = settings;
        cache = new CodeCache(settings.cacheBytes());
    }

    /// Whether this host can execute what is made here: x86-64 with the instructions of its third
    /// level, on a system that allows executable memory.
    public static boolean isSupported() {
        return HostSupport.isSupported();
    }

    /// What executes a hart of the machine.
    public Engine engine(Hart hart) {
        return new NativeEngine(hart, this, settings);
    }

    /// What executes a hart instruction by instruction, by a loop in machine code.
    public static Engine interpreter(Hart hart, Access access) {
        return interpreterOf(hart, access);
    }

    /// The interpreter's loop in machine code.
    public static PageLoop pageLoop(Access access) {
        return PageLoopCode.of(access);
    }

    Interpreter interpreter(Hart hart) {
        return interpreterOf(hart, settings.access());
    }

    private static Interpreter interpreterOf(Hart hart, Access access) {
        VirtualMemory memory = hart.memory();
        long window = hart.tlb().base();
        HostMemory.putLong(window + HartWindow.RAM_BEGIN, memory.hostBegin());
        HostMemory.putLong(window + HartWindow.RAM_END, memory.hostEnd());
        return new Interpreter(hart, pageLoop(access));
    }

    public TranslatorCounts counts() {
        return counts;
    }

    /// The cache that code is made in now. Another one means that all code has been given up.
    CodeCache cache() {
        return cache;
    }

    /// The code of this page, if there is any.
    @Nullable CodePage find(DecodedPage page) {
        return pages.get(new PageKey(page.physicalPage(), page.version()));
    }

    /// Has the code from an instruction on translated; the requester is told when it can be run.
    ///
    /// @param slots what the page holds; changes no more
    /// @param ofUser whether it was U-mode that executed it: see [MemoryWriter]
    void request(DecodedPage page, long[] slots, int slot, boolean ofUser, NativeEngine requester) {
        switch (settings.when()) {
            case AT_ONCE -> translate(page, slots, slot, ofUser, requester);
            case IN_BACKGROUND -> {
                if (!NativeCodeThread.submit(
                        () -> translate(page, slots, slot, ofUser, requester))) {
                    counts.refused();
                }
            }
        }
    }

    /// A hart says, now and then, what time it is. If the machine has idled for a while, what most
    /// of its code was made for is over.
    void lookWhetherIdle(long ticks) {
        switch (settings.when()) {
            case AT_ONCE -> trim(ticks);
            case IN_BACKGROUND -> {
                // If too much is waiting, the machine does not idle.
                boolean _ = NativeCodeThread.submit(() -> trim(ticks));
            }
        }
    }

    private synchronized void trim(long ticks) {
        long passed = Math.abs(ticks - lookedTicks);
        if (passed < settings.forgetTicks()) {
            return;
        }
        long instructions = counts.instructionsInterpreted() + counts.instructionsTranslated();
        boolean isIdle = instructions - lookedInstructions < passed * IDLE_INSTRUCTIONS_PER_TICK;
        lookedTicks = ticks;
        lookedInstructions = instructions;
        if (isIdle && cache.usedBytes() > settings.idleBytes()) {
            boolean _ = beginAnew();
        }
    }

    private synchronized void translate(
            DecodedPage page, long[] slots, int slot, boolean ofUser, NativeEngine requester) {
        int room = CodePage.TABLE_BYTES + BYTES_PER_INSTRUCTION_MAX * settings.instructionsMax();
        if (!cache.hasRoom(room) && !beginAnew()) {
            counts.refused();
            return;
        }
        CodePage code =
                pages.computeIfAbsent(
                        new PageKey(page.physicalPage(), page.version()), _ -> new CodePage(cache));
        BitSet heads;
        if (code.hasCode(slot)) {
            // Another hart had it translated, or another request.
            heads = code.heads();
        } else {
            heads = write(Unit.from(slots, slot, code, settings.instructionsMax()), code, ofUser);
        }
        requester.accept(page, code, heads);
    }

    /// Gives up all code, or answers false: then what there is stays, and no more is made.
    private boolean beginAnew() {
        if (full) {
            return false;
        }
        try {
            CodeCache next = new CodeCache(settings.cacheBytes());
            pages.clear();
            cache = next;
            counts.flushed();
            counts.setCodeBytes(next.usedBytes());
            return true;
        } catch (IllegalStateException e) {
            full = true;
            log.warn("no more memory for machine code; what is new is interpreted", e);
            return false;
        }
    }

    private BitSet write(Unit unit, CodePage page, boolean ofUser) {
        var writer =
                new BlockWriter(
                        unit,
                        page,
                        cache,
                        cache.next(),
                        ofUser,
                        settings.access() == Access.CHECKED);
        Assembler code = writer.write();
        long at = cache.place(code);
        BitSet heads = unit.leaders();
        for (int slot = heads.nextSetBit(0); slot >= 0; slot = heads.nextSetBit(slot + 1)) {
            page.publish(slot, at + writer.position(slot));
        }
        counts.made(unit.length());
        counts.setCodeBytes(cache.usedBytes());
        return heads;
    }
}
