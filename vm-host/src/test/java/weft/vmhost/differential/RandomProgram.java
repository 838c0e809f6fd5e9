package weft.vmhost.differential;

import weft.vmhost.isa.fp.FloatOperands;

import java.util.List;
import java.util.SplittableRandom;

/// One random program: a list of elements, each a few lines of assembly that belong together.
///
/// It always ends: jumps go forward, but for loops closed by a counter. Five registers stay out of
/// the dice: sp, s0 and s1 point into scratch memory (s1 misaligned), gp holds addresses for the
/// element that sets it, tp counts loops. Anything may trap; the firmware skips what traps.
final class RandomProgram implements TestProgram {
    private final long seed;
    private final Mode mode;
    private final List<String> elements;

    private RandomProgram(long seed, Mode mode, List<String> elements) {
        this.seed = seed;
        this.mode = mode;
        this.elements = List.copyOf(elements);
    }

    static RandomProgram of(long seed, Mode mode, int length) {
        var random = new SplittableRandom(seed);
        return new RandomProgram(seed, mode, new RandomElements(random, mode, null).make(length));
    }

    /// One that only our own engines are compared on.
    static RandomProgram forEngines(long seed, Mode mode, int length) {
        var random = new SplittableRandom(seed);
        var extra = new EngineElements(random, mode);
        return new RandomProgram(seed, mode, new RandomElements(random, mode, extra).make(length));
    }

    /// The same program, ended sooner.
    RandomProgram prefix(int length) {
        return new RandomProgram(seed, mode, elements.subList(0, length));
    }

    int length() {
        return elements.size();
    }

    @Override
    public Mode mode() {
        return mode;
    }

    String element(int index) {
        return elements.get(index);
    }

    /// Assembly text; its label `end` is where the firmware takes over.
    @Override
    public String text() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < elements.size(); i++) {
            text.append("e").append(i).append(":\n");
            text.append(resolve(elements.get(i), i)).append('\n');
        }
        return text.append("e").append(elements.size()).append(":\nend: ecall\n").toString();
    }

    /// Turns `@+n` (the n-th element from here) into its label, at most the end.
    private String resolve(String element, int index) {
        StringBuilder text = new StringBuilder();
        int from = 0;
        for (int at = element.indexOf('@'); at >= 0; at = element.indexOf('@', from)) {
            int stop = at + 2;
            while (stop < element.length() && Character.isDigit(element.charAt(stop))) {
                stop++;
            }
            int distance = Integer.parseInt(element.substring(at + 1, stop));
            text.append(element, from, at).append('e');
            text.append(Math.min(index + distance, elements.size()));
            from = stop;
        }
        return text.append(element.substring(from)).toString().replace("%", "l" + index);
    }

    @Override
    public long[] inputs(long code, long scratch) {
        return inputs(0, code, scratch);
    }

    @Override
    public long[] inputs(int lap, long code, long scratch) {
        SplittableRandom random = new SplittableRandom((seed ^ 0x5eed) + lap);
        FloatOperands singles = FloatOperands.single(random);
        FloatOperands doubles = FloatOperands.doubles(random);
        long[] inputs = new long[65];
        for (int i = 1; i < 32; i++) {
            inputs[i] = RandomElements.integer(random);
        }
        inputs[2] = scratch + 0x400;
        inputs[3] = scratch;
        inputs[4] = 0;
        inputs[8] = scratch + 0x1000;
        inputs[9] = scratch + 0x1000 + random.nextInt(8);
        for (int i = 32; i < 64; i++) {
            boolean isSingle = random.nextBoolean();
            inputs[i] = isSingle ? singles.any() | -1L << 32 : doubles.any();
        }
        inputs[64] = random.nextInt(5) << 5 | random.nextInt(32);
        return inputs;
    }

    @Override
    public long[] scratch(long code, long scratch) {
        SplittableRandom random = new SplittableRandom(seed);
        return random.longs(ProgramImage.SCRATCH_BYTES / 8).toArray();
    }
}
