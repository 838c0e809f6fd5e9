package weft.vmhost.translator;

import weft.vmhost.interpreter.DecodedPage;
import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/// Which instructions of a page become a region: those that have been executed (others are not
/// decoded) and are nearest to the first, forwards and backwards along the flow of control. For
/// most code this is the function around it, without its callees and what never ran.
final class RegionShape {
    private static final int NONE = -1;

    /// Floating-point instructions take up more bytecode, with their checks.
    private static final int FLOAT_WEIGHT = 2;

    private final long[] slots;
    private final int instructionsMax;
    private final BitSet instructions = new BitSet(DecodedPage.SLOTS);
    private final BitSet leaders = new BitSet(DecodedPage.SLOTS);
    private final BitSet entries = new BitSet(DecodedPage.SLOTS);

    /// Instructions that jump to a slot, as linked lists.
    private final int[] firstSource = new int[DecodedPage.SLOTS];

    private final int[] nextSource = new int[DecodedPage.SLOTS];

    /// Queued for a look, in order of distance.
    private final int[] queue = new int[DecodedPage.SLOTS];

    private int queued;
    private int weight;

    private RegionShape(long[] slots, int instructionsMax) {
        this.slots = slots;
        this.instructionsMax = instructionsMax;
        Arrays.fill(firstSource, NONE);
    }

    /// @param slots a page of decoded instructions; changes no more
    /// @param first the slot of an instruction; becomes an entry if it can be translated
    static RegionShape around(long[] slots, int first, int instructionsMax) {
        var shape = new RegionShape(slots, instructionsMax);
        shape.linkSources();
        shape.grow(first);
        shape.findEntries(first);
        shape.findLeaders();
        return shape;
    }

    long instruction(int slot) {
        return slots[slot];
    }

    /// The slots of all instructions.
    BitSet instructions() {
        return instructions;
    }

    boolean contains(int slot) {
        return slot >= 0 && instructions.get(slot);
    }

    /// Whether a basic block begins here.
    boolean isLeader(int slot) {
        return leaders.get(slot);
    }

    /// The slots where the region can be entered, ascending.
    List<Integer> entries() {
        List<Integer> list = new ArrayList<>();
        entries.stream().forEach(list::add);
        return list;
    }

    private boolean isInstruction(int slot) {
        return slot >= 0 && slot < DecodedPage.SLOTS && InstructionFlow.isInstruction(slots[slot]);
    }

    /// Whether a jump may go anywhere.
    boolean hasIndirectJumps() {
        return instructions.stream().anyMatch(slot -> Decoded.op(slots[slot]) == Op.JALR);
    }

    private void linkSources() {
        for (int slot = 0; slot < DecodedPage.SLOTS; slot++) {
            if (!isInstruction(slot) || !InstructionFlow.hasLocalTarget(slots[slot])) {
                continue;
            }
            int target = InstructionFlow.target(slot, slots[slot]);
            if (target >= 0 && target < DecodedPage.SLOTS) {
                nextSource[slot] = firstSource[target];
                firstSource[target] = slot;
            }
        }
    }

    private void grow(int first) {
        offer(first);
        for (int i = 0; i < queued; i++) {
            int slot = queue[i];
            long d = slots[slot];
            if (!InstructionFlow.endsFlow(d)) {
                offer(InstructionFlow.next(slot, d));
            }
            if (InstructionFlow.hasLocalTarget(d)) {
                offer(InstructionFlow.target(slot, d));
            }
            for (int s = firstSource[slot]; s != NONE; s = nextSource[s]) {
                offer(s);
            }
            offer(fallingInto(slot));
        }
    }

    /// The instruction before, if execution goes on here after it.
    private int fallingInto(int slot) {
        for (int before = slot - 1; before >= slot - 2; before--) {
            if (isInstruction(before)
                    && InstructionFlow.next(before, slots[before]) == slot
                    && !InstructionFlow.endsFlow(slots[before])) {
                return before;
            }
        }
        return NONE;
    }

    private void offer(int slot) {
        if (weight < instructionsMax && isInstruction(slot) && !instructions.get(slot)) {
            instructions.set(slot);
            weight += Op.isFloatingPoint(Decoded.op(slots[slot])) ? FLOAT_WEIGHT : 1;
            queue[queued++] = slot;
        }
    }

    private void findEntries(int first) {
        addEntry(first);
        for (int slot = instructions.nextSetBit(0);
                slot >= 0;
                slot = instructions.nextSetBit(slot + 1)) {
            long d = slots[slot];
            boolean comesBack = InstructionFlow.isCall(d) || !InstructionWriter.isTranslated(d);
            if (comesBack && !InstructionFlow.endsFlow(d)) {
                addEntry(InstructionFlow.next(slot, d));
            }
            boolean isCallee = Decoded.op(d) == Op.JAL && !InstructionFlow.hasLocalTarget(d);
            boolean isLoop =
                    InstructionFlow.hasLocalTarget(d) && InstructionFlow.target(slot, d) <= slot;
            if (isCallee || isLoop) {
                addEntry(InstructionFlow.target(slot, d));
            }
            if (!contains(fallingInto(slot)) && firstSource[slot] == NONE) {
                addEntry(slot);
            }
        }
    }

    private void addEntry(int slot) {
        if (contains(slot) && InstructionWriter.isTranslated(slots[slot])) {
            entries.set(slot);
        }
    }

    private void findLeaders() {
        leaders.or(entries);
        for (int slot = instructions.nextSetBit(0);
                slot >= 0;
                slot = instructions.nextSetBit(slot + 1)) {
            long d = slots[slot];
            if (InstructionFlow.hasLocalTarget(d) || Decoded.op(d) == Op.JAL) {
                leadFrom(InstructionFlow.target(slot, d));
                leadFrom(InstructionFlow.next(slot, d));
            }
            if (!InstructionWriter.isTranslated(d)) {
                leadFrom(slot);
                leadFrom(InstructionFlow.next(slot, d));
            }
            if (instructions.nextSetBit(slot + 1) != InstructionFlow.next(slot, d)) {
                // Decodings of the same bytes from different halfwords on may overlap.
                leadFrom(InstructionFlow.next(slot, d));
            }
            if (!contains(fallingInto(slot))) {
                leaders.set(slot);
            }
        }
    }

    private void leadFrom(int slot) {
        if (contains(slot)) {
            leaders.set(slot);
        }
    }
}
