package weft.vmhost.translator;

import org.jspecify.annotations.Nullable;

import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.interpreter.DecodedPage;

/// Makes regions for the harts of one machine.
public final class Translations {
    private final TranslatorSettings settings;
    private final RegionTable regions = new RegionTable();
    private final RegionLoader loader;
    private final TranslatorCounts counts = new TranslatorCounts();
    private volatile int generation;
    private int live;

    public Translations(TranslatorSettings settings) {
        this.settings = settings;
        loader = new RegionLoader(settings.access() == TranslatorSettings.Access.CHECKED);
    }

    /// What executes a hart of the machine.
    public Engine engine(Hart hart) {
        return new Translator(hart, this, settings);
    }

    public TranslatorCounts counts() {
        return counts;
    }

    @Nullable Region find(DecodedPage page, int slot) {
        return regions.find(page, slot);
    }

    /// Has the code around an instruction translated; the requester is told when it can be run.
    ///
    /// @param slots what the page holds; changes no more
    void request(DecodedPage page, long[] slots, int slot, Translator requester) {
        switch (settings.when()) {
            case AT_ONCE -> {
                Region region = translate(page, slots, slot);
                if (region != null) {
                    publish(page, region, requester);
                }
            }
            case IN_BACKGROUND -> {
                boolean taken =
                        TranslationThread.submit(
                                () -> translate(page, slots, slot),
                                region -> publish(page, region, requester));
                if (!taken) {
                    counts.requestsRefused.increment();
                }
            }
        }
    }

    /// Changes whenever all regions have been given up.
    int generation() {
        return generation;
    }

    private synchronized void publish(DecodedPage page, Region region, Translator requester) {
        if (++live > settings.regionsMax()) {
            regions.clear();
            live = 1;
            generation++;
            counts.flushes.increment();
        }
        regions.add(region);
        counts.setCodeBytes((long) live * TranslatorSettings.REGION_BYTES);
        counts.regionsMade.increment();
        counts.instructionsMade.add(region.length());
        requester.accept(page, region);
    }

    private @Nullable Region translate(DecodedPage page, long[] slots, int slot) {
        var shape = RegionShape.around(slots, slot, settings.instructionsMax());
        if (shape.entries().isEmpty()) {
            return null;
        }
        return new Region(
                page.physicalPage(),
                page.version(),
                loader.load(shape),
                shape.entries(),
                shape.instructions().cardinality(),
                settings.instructionsToOptimize());
    }
}
