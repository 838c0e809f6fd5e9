package weft.vmhost.interpreter;

import weft.vmhost.hart.Hart;
import weft.vmhost.isa.Op;
import weft.vmhost.mmu.Tlb;

/// One instruction by itself: it is put into a page where nothing follows it, and the interpreter
/// is sent there. Executed is what was decoded before, as by [Interpreter#execute], and not what
/// memory holds meanwhile.
final class SingleStep {
    private SingleStep() {}

    static void of(Interpreter interpreter, Hart hart) {
        long pc = hart.pc();
        long context = hart.memory().fetchContext();
        int index = Tlb.fetchIndex(pc, context);
        if (hart.tlb().fetchTags()[index] != Tlb.tag(pc, context)
                && interpreter.fetchPage(pc) < 0) {
            return;
        }
        long pauseAt = hart.retiredInstructions() + 1;
        DecodedPage page = interpreter.pageAt(pc);
        if (page == null) {
            // Good for one instruction anyway.
            interpreter.executeUntil(pauseAt);
            return;
        }
        long[] slots = page.slots();
        int slot = (int) (pc - (pc & -4096)) >>> 1;
        if (slots[slot] == Op.UNDECODED) {
            slots[slot] = interpreter.decode(page.physicalPage(), slot);
        }
        long instruction = interpreter.instructionAt(page, slot);
        if (instruction == Op.CROSSING) {
            // Put aside as well, by the interpreter itself.
            interpreter.executeUntil(pauseAt);
            return;
        }
        long[][] fetchSlots = interpreter.fetchSlots();
        fetchSlots[index] = interpreter.setAside(slot, instruction);
        interpreter.executeUntil(pauseAt);
        fetchSlots[index] = slots;
    }
}
