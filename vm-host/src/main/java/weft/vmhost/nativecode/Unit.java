package weft.vmhost.nativecode;

import weft.vmhost.interpreter.DecodedPage;
import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;
import weft.vmhost.translator.InstructionFlow;

import java.util.Arrays;
import java.util.BitSet;

/// Which instructions of a page are translated in one go: all that have been executed (others are
/// not decoded) and that the flow of control leads to from the first one, within the page; up to
/// where translated code begins already.
final class Unit {
    private final long[] slots;
    private final CodePage page;
    private final BitSet instructions = new BitSet(DecodedPage.SLOTS);

    /// Where blocks begin: what a jump leads to, what is behind a call or an instruction that the
    /// interpreter executes.
    private final BitSet leaders = new BitSet(DecodedPage.SLOTS);

    private final int[] queue = new int[DecodedPage.SLOTS];
    private int queued;

    private Unit(long[] slots, CodePage page) {
        this.slots = slots;
        this.page = page;
    }

    /// @param slots what the page holds; changes no more
    /// @param first the slot of an instruction that is not translated
    static Unit from(long[] slots, int first, CodePage page, int instructionsMax) {
        var unit = new Unit(slots, page);
        unit.offerLeader(first);
        for (int i = 0; i < unit.queued && i < instructionsMax; i++) {
            unit.follow(unit.queue[i]);
        }
        unit.dropBeyond(instructionsMax);
        return unit;
    }

    private void follow(int slot) {
        long d = slots[slot];
        if (isCrossing(d)) {
            return;
        }
        int next = InstructionFlow.next(slot, d);
        if (InstructionFlow.hasLocalTarget(d)) {
            offerLeader(InstructionFlow.target(slot, d));
        }
        if (InstructionFlow.endsFlow(d)) {
            return;
        }
        boolean endsBlock = InstructionFlow.isBranch(d) || InstructionFlow.isCall(d) || isLeft(d);
        if (endsBlock) {
            offerLeader(next);
        } else {
            offer(next);
        }
    }

    /// Whether it goes on in the next page, whatever that is when it is executed. Part of a block
    /// that leads to it, and never the first of one.
    static boolean isCrossing(long d) {
        return Decoded.op(d) == Op.CROSSING;
    }

    /// Whether the code is always left for it.
    static boolean isLeft(long d) {
        int op = Decoded.op(d);
        return op == Op.CROSSING
                || op >= Op.ECALL && op <= Op.ILLEGAL
                || op == Op.FENCE_I
                || op == Op.SFENCE_INVAL;
    }

    private void offerLeader(int slot) {
        if (slot >= 0 && slot < DecodedPage.SLOTS && !isCrossing(slots[slot])) {
            offer(slot);
            leaders.set(slot);
        }
    }

    private void offer(int slot) {
        if (slot >= 0
                && slot < DecodedPage.SLOTS
                && (InstructionFlow.isInstruction(slots[slot]) || isCrossing(slots[slot]))
                && !instructions.get(slot)
                && !page.hasCode(slot)) {
            instructions.set(slot);
            queue[queued++] = slot;
        }
    }

    private void dropBeyond(int instructionsMax) {
        for (int i = instructionsMax; i < queued; i++) {
            instructions.clear(queue[i]);
        }
        leaders.and(instructions);
        // Encodings may overlap, and what follows in the page may not be what follows in the flow.
        for (int slot = instructions.nextSetBit(0);
                slot >= 0;
                slot = instructions.nextSetBit(slot + 1)) {
            int next = InstructionFlow.next(slot, slots[slot]);
            if (instructions.nextSetBit(slot + 1) != next && contains(next)) {
                if (isCrossing(slots[next])) {
                    instructions.clear(next);
                } else {
                    leaders.set(next);
                }
            }
        }
    }

    long instruction(int slot) {
        return slots[slot];
    }

    boolean contains(int slot) {
        return slot >= 0 && instructions.get(slot);
    }

    boolean isLeader(int slot) {
        return slot >= 0 && leaders.get(slot);
    }

    /// The first instruction from this slot on, or -1.
    int nextFrom(int slot) {
        return instructions.nextSetBit(slot);
    }

    BitSet leaders() {
        return leaders;
    }

    int length() {
        return instructions.cardinality();
    }

    /// The slots of a block: what is executed from its leader on until control may go elsewhere.
    int[] block(int leader) {
        int[] block = new int[DecodedPage.SLOTS];
        int length = 0;
        int slot = leader;
        do {
            block[length++] = slot;
            if (InstructionFlow.isBranch(slots[slot]) || endsBlock(slots[slot])) {
                break;
            }
            slot = InstructionFlow.next(slot, slots[slot]);
        } while (contains(slot) && !leaders.get(slot));
        return Arrays.copyOf(block, length);
    }

    private static boolean endsBlock(long d) {
        return InstructionFlow.endsFlow(d) || InstructionFlow.isCall(d) || isLeft(d);
    }
}
