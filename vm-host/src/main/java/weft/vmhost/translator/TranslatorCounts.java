package weft.vmhost.translator;

import java.util.concurrent.atomic.LongAdder;

/// What the translator of one machine has done. Written by harts now and then, and by the
/// translating thread; read by anyone.
public final class TranslatorCounts {
    /// What an engine keeps to itself at most when it returns: a guest that runs nothing but
    /// translated code is to be seen at work, and one that returns all the time is not to pay.
    public static final int REPORT_INSTRUCTIONS = 10_000;

    final LongAdder regionsMade = new LongAdder();
    final LongAdder instructionsMade = new LongAdder();
    final LongAdder requestsRefused = new LongAdder();
    final LongAdder flushes = new LongAdder();
    final LongAdder regionRuns = new LongAdder();
    final LongAdder instructionsTranslated = new LongAdder();
    final LongAdder instructionsInterpreted = new LongAdder();

    private volatile long codeBytes;

    /// What the code made of regions, and finding it, takes up now; an estimate where the JVM holds
    /// it.
    public void setCodeBytes(long bytes) {
        codeBytes = bytes;
    }

    /// See [#setCodeBytes].
    public long codeBytes() {
        return codeBytes;
    }

    /// A request found the queue full.
    public void refused() {
        requestsRefused.increment();
    }

    /// All that was translated has been given up.
    public void flushed() {
        flushes.increment();
    }

    /// A region of so many instructions has been translated.
    public void made(int instructions) {
        regionsMade.increment();
        instructionsMade.add(instructions);
    }

    /// What a hart has executed since it last said so.
    public void executed(long interpreted, long translated, long runs) {
        instructionsInterpreted.add(interpreted);
        instructionsTranslated.add(translated);
        regionRuns.add(runs);
    }

    /// Regions that have been translated.
    public long regionsMade() {
        return regionsMade.sum();
    }

    /// Guest instructions in these.
    public long instructionsMade() {
        return instructionsMade.sum();
    }

    /// Requests that found the queue full.
    public long requestsRefused() {
        return requestsRefused.sum();
    }

    /// How often all regions were given up, as there were too many.
    public long flushes() {
        return flushes.sum();
    }

    /// How often a region was entered.
    public long regionRuns() {
        return regionRuns.sum();
    }

    /// Guest instructions executed by regions.
    public long instructionsTranslated() {
        return instructionsTranslated.sum();
    }

    /// Guest instructions executed by the interpreter.
    public long instructionsInterpreted() {
        return instructionsInterpreted.sum();
    }

    /// For people.
    @Override
    public String toString() {
        long all = Math.max(1, instructionsTranslated() + instructionsInterpreted());
        return "%d regions of %d instructions, %d KiB of code, entered %d times; %d %% of all instructions translated"
                .formatted(
                        regionsMade(),
                        instructionsMade(),
                        codeBytes >>> 10,
                        regionRuns(),
                        100 * instructionsTranslated() / all);
    }
}
