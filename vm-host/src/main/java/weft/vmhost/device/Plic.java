package weft.vmhost.device;

import weft.vmhost.memory.MmioDevice;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/// The platform-level interrupt controller (RISC-V PLIC specification 1.0.0, as
/// `sifive,plic-1.0.0`).
///
/// A source's gateway turns a high level into one pending bit and holds back the next until the
/// interrupt is completed; a context takes the pending source of highest priority above its
/// threshold (lowest number first). Invariant: a context's output is high exactly when such a
/// source exists.
///
/// Layout: 0x0 priorities · 0x1000 pending bits · 0x2000 + 0x80·context enable bits · 0x200000 +
/// 0x1000·context threshold, claim/complete.
public final class Plic implements MmioDevice, DeviceState {
    /// Bytes of address space.
    public static final long SIZE_BYTES = 0x60_0000;

    /// The highest source; 96 as QEMU's virt has, source 0 does not exist.
    public static final int SOURCE_MAX = 95;

    private static final int WORDS = (SOURCE_MAX + 32) / 32;
    private static final int PRIORITY_MASK = 7;
    private static final int PENDING = 0x1000;
    private static final int ENABLE = 0x2000;
    private static final int ENABLE_STRIDE = 0x80;
    private static final int CONTEXT = 0x20_0000;
    private static final int CONTEXT_STRIDE = 0x1000;

    private final int[] priority = new int[SOURCE_MAX + 1];
    private final int[] level = new int[WORDS];
    private final int[] pending = new int[WORDS];
    private final int[] claimed = new int[WORDS];
    private final int[][] enable;
    private final int[] threshold;
    private final boolean[] output;
    private final List<InterruptLine> contexts;

    /// @param contexts where the outputs go: of each hart its machine, then its supervisor external
    ///   interrupt
    public Plic(List<InterruptLine> contexts) {
        this.contexts = List.copyOf(contexts);
        enable = new int[contexts.size()][WORDS];
        threshold = new int[contexts.size()];
        output = new boolean[contexts.size()];
    }

    /// The wire into one source's gateway.
    public InterruptLine source(int source) {
        if (source < 1 || source > SOURCE_MAX) {
            throw new IllegalArgumentException("no interrupt source " + source);
        }
        return high -> drive(source, high);
    }

    private synchronized void drive(int source, boolean high) {
        if (isSet(level, source) != high) {
            assign(level, source, high);
            gate(source);
            update();
        }
    }

    /// The gateway: a high level becomes one request until its completion.
    private void gate(int source) {
        if (isSet(level, source) && !isSet(claimed, source)) {
            assign(pending, source, true);
        }
    }

    @Override
    public synchronized long load(int offset, int sizeBytes) {
        if (sizeBytes != 4 || (offset & 3) != 0) {
            return 0;
        }
        if (offset < PENDING) {
            int source = offset >>> 2;
            return source <= SOURCE_MAX ? priority[source] : 0;
        }
        if (offset < ENABLE) {
            int word = offset - PENDING >>> 2;
            return word < WORDS ? pending[word] & 0xffff_ffffL : 0;
        }
        if (offset < CONTEXT) {
            int context = (offset - ENABLE) / ENABLE_STRIDE;
            int word = (offset - ENABLE) % ENABLE_STRIDE >>> 2;
            return context < enable.length && word < WORDS
                    ? enable[context][word] & 0xffff_ffffL
                    : 0;
        }
        int context = (offset - CONTEXT) / CONTEXT_STRIDE;
        if (context >= threshold.length) {
            return 0;
        }
        return switch ((offset - CONTEXT) % CONTEXT_STRIDE) {
            case 0 -> threshold[context];
            case 4 -> claim(context);
            default -> 0;
        };
    }

    @Override
    public synchronized void store(int offset, int sizeBytes, long value) {
        if (sizeBytes != 4 || (offset & 3) != 0) {
            return;
        }
        if (offset < PENDING) {
            int source = offset >>> 2;
            if (source >= 1 && source <= SOURCE_MAX) {
                priority[source] = (int) value & PRIORITY_MASK;
            }
        } else if (offset >= ENABLE && offset < CONTEXT) {
            int context = (offset - ENABLE) / ENABLE_STRIDE;
            int word = (offset - ENABLE) % ENABLE_STRIDE >>> 2;
            if (context < enable.length && word < WORDS) {
                enable[context][word] = (int) value & (word == 0 ? ~1 : ~0);
            }
        } else if (offset >= CONTEXT) {
            int context = (offset - CONTEXT) / CONTEXT_STRIDE;
            int register = (offset - CONTEXT) % CONTEXT_STRIDE;
            if (context < threshold.length && register == 0) {
                threshold[context] = (int) value & PRIORITY_MASK;
            } else if (context < threshold.length && register == 4) {
                complete(context, value & 0xffff_ffffL);
            }
        }
        update();
    }

    private int claim(int context) {
        int best = best(context, 0);
        if (best != 0) {
            assign(pending, best, false);
            assign(claimed, best, true);
            update();
        }
        return best;
    }

    /// Ignored unless the source is enabled for the context (specification, chapter 9).
    private void complete(int context, long source) {
        if (source >= 1 && source <= SOURCE_MAX && isSet(enable[context], (int) source)) {
            assign(claimed, (int) source, false);
            gate((int) source);
        }
    }

    /// The source to serve next, or 0. A claim disregards the threshold, a notification does not.
    private int best(int context, int threshold) {
        int best = 0;
        int bestPriority = threshold;
        for (int word = 0; word < WORDS; word++) {
            int candidates = pending[word] & enable[context][word];
            while (candidates != 0) {
                int source = word * 32 + Integer.numberOfTrailingZeros(candidates);
                if (priority[source] > bestPriority) {
                    best = source;
                    bestPriority = priority[source];
                }
                candidates &= candidates - 1;
            }
        }
        return best;
    }

    private void update() {
        for (int context = 0; context < output.length; context++) {
            boolean high = best(context, threshold[context]) != 0;
            if (high != output[context]) {
                output[context] = high;
                contexts.get(context).drive(high);
            }
        }
    }

    /// As after power-on; levels stay as the devices drive them.
    public synchronized void reset() {
        Arrays.fill(priority, 0);
        Arrays.fill(pending, 0);
        Arrays.fill(claimed, 0);
        Arrays.fill(threshold, 0);
        for (int[] words : enable) {
            Arrays.fill(words, 0);
        }
        for (int source = 1; source <= SOURCE_MAX; source++) {
            gate(source);
        }
        update();
    }

    @Override
    public String stateName() {
        return "plic";
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public synchronized void capture(DataOutput out) throws IOException {
        out.writeInt(threshold.length);
        writeAll(out, priority);
        writeAll(out, level);
        writeAll(out, pending);
        writeAll(out, claimed);
        for (int context = 0; context < threshold.length; context++) {
            writeAll(out, enable[context]);
            out.writeInt(threshold[context]);
        }
    }

    @Override
    public synchronized void restore(DataInput in) throws IOException {
        int count = in.readInt();
        if (count != threshold.length) {
            throw new IOException(
                    "PLIC has " + threshold.length + " contexts, the state has " + count);
        }
        readAll(in, priority);
        for (int source = 0; source <= SOURCE_MAX; source++) {
            priority[source] &= PRIORITY_MASK;
        }
        readAll(in, level);
        readAll(in, pending);
        readAll(in, claimed);
        for (int context = 0; context < count; context++) {
            readAll(in, enable[context]);
            threshold[context] = in.readInt() & PRIORITY_MASK;
        }
        for (int context = 0; context < count; context++) {
            output[context] = best(context, threshold[context]) != 0;
            contexts.get(context).drive(output[context]);
        }
    }

    private static void writeAll(DataOutput out, int[] words) throws IOException {
        for (int word : words) {
            out.writeInt(word);
        }
    }

    private static void readAll(DataInput in, int[] words) throws IOException {
        for (int i = 0; i < words.length; i++) {
            words[i] = in.readInt();
        }
    }

    private static boolean isSet(int[] words, int source) {
        return (words[source >>> 5] >>> source & 1) != 0;
    }

    private static void assign(int[] words, int source, boolean set) {
        if (set) {
            words[source >>> 5] |= 1 << source;
        } else {
            words[source >>> 5] &= ~(1 << source);
        }
    }
}
