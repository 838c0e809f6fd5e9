package weft.vmhost.isa.fp;

import java.util.SplittableRandom;

/// Operands worth trying: every border of a format, and random numbers that lean to the borders.
public final class FloatOperands {
    private final int fractionBits;
    private final int exponentMask;
    private final SplittableRandom random;

    private FloatOperands(int fractionBits, int exponentBits, SplittableRandom random) {
        this.fractionBits = fractionBits;
        this.exponentMask = (1 << exponentBits) - 1;
        this.random = random;
    }

    public static FloatOperands single(SplittableRandom random) {
        return new FloatOperands(23, 8, random);
    }

    public static FloatOperands doubles(SplittableRandom random) {
        return new FloatOperands(52, 11, random);
    }

    private long of(boolean negative, int exponentField, long fraction) {
        long sign = negative ? (exponentMask + 1L) << fractionBits : 0;
        return sign | (long) exponentField << fractionBits | fraction;
    }

    /// Zeros, subnormals, powers of two, the largest, infinities, NaNs; of both signs.
    public long[] edges() {
        int one = exponentMask >> 1;
        long ones = (1L << fractionBits) - 1;
        long quiet = 1L << (fractionBits - 1);
        int[] fields = {
            0,
            0,
            0,
            0,
            1,
            1,
            1,
            2,
            one - 1,
            one - 1,
            one,
            one,
            one,
            one + 1,
            one + 1,
            one + 31,
            one + 63,
            one + 63,
            one + fractionBits,
            exponentMask - 1,
            exponentMask - 1,
            exponentMask,
            exponentMask,
            exponentMask,
            exponentMask
        };
        long[] fractions = {
            0, 1, quiet, ones, 0, 1, ones, 0, 0, ones, 0, 1, quiet, 0, quiet, 0, 0, ones, 1, 0,
            ones, 0, 1, quiet, ones
        };
        long[] edges = new long[2 * fields.length];
        for (int i = 0; i < fields.length; i++) {
            edges[2 * i] = of(false, fields[i], fractions[i]);
            edges[2 * i + 1] = of(true, fields[i], fractions[i]);
        }
        return edges;
    }

    public long any() {
        long[] edges = edges();
        return switch (random.nextInt(8)) {
            case 0 -> edges[random.nextInt(edges.length)];
            case 1 -> of(random.nextBoolean(), random.nextInt(exponentMask + 1), fraction());
            case 2 -> of(random.nextBoolean(), random.nextInt(4), fraction());
            case 3 -> of(random.nextBoolean(), exponentMask - random.nextInt(4), fraction());
            default -> of(random.nextBoolean(), nearOne(fractionBits + 12), fraction());
        };
    }

    /// A number of about the size of `other`, so that sums cancel and round.
    long near(long other) {
        int field = (int) (other >>> fractionBits) & exponentMask;
        int distance = random.nextInt(5) == 0 ? random.nextInt(-60, 61) : random.nextInt(-2, 3);
        int shifted = Math.clamp((long) field + distance, 0, exponentMask);
        return of(random.nextBoolean(), shifted, fraction());
    }

    private int nearOne(int distanceMax) {
        int field = (exponentMask >> 1) + random.nextInt(-distanceMax, distanceMax + 1);
        return Math.clamp(field, 0, exponentMask);
    }

    /// Random, or with long runs of zeros or ones below a random head: these make ties.
    private long fraction() {
        long mask = (1L << fractionBits) - 1;
        long value = random.nextLong() & mask;
        int tail = random.nextInt(fractionBits + 1);
        long tailMask = (1L << tail) - 1;
        return switch (random.nextInt(4)) {
            case 0 -> value & ~tailMask;
            case 1 -> value | tailMask;
            case 2 -> (value & ~tailMask) ^ random.nextLong(4) & mask;
            default -> value;
        };
    }
}
