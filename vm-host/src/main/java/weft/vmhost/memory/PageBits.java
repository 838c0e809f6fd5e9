package weft.vmhost.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/// One bit per page of guest memory, set and taken by any thread.
final class PageBits {
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    private final long[] words;

    PageBits(long pages) {
        words = new long[Math.toIntExact(pages + 63 >>> 6)];
    }

    /// With these bits set.
    PageBits(long[] words) {
        this.words = words;
    }

    boolean get(long page) {
        return ((long) WORD.getVolatile(words, (int) (page >>> 6)) & 1L << page) != 0;
    }

    void clear(long page) {
        WORD.getAndBitwiseAnd(words, (int) (page >>> 6), ~(1L << page));
    }

    void set(long page) {
        long bit = 1L << page;
        int index = (int) (page >>> 6);
        if (((long) WORD.getVolatile(words, index) & bit) == 0) {
            WORD.getAndBitwiseOr(words, index, bit);
        }
    }

    long[] copy() {
        long[] copy = new long[words.length];
        for (int i = 0; i < copy.length; i++) {
            copy[i] = (long) WORD.getVolatile(words, i);
        }
        return copy;
    }

    /// All set bits, each given out once: a bit set meanwhile is in this answer or in the next.
    long[] take() {
        long[] taken = new long[words.length];
        for (int i = 0; i < taken.length; i++) {
            if (words[i] != 0) {
                taken[i] = (long) WORD.getAndSet(words, i, 0L);
            }
        }
        return taken;
    }
}
