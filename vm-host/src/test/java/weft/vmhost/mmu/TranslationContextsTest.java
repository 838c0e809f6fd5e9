package weft.vmhost.mmu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static weft.vmhost.mmu.TranslationContexts.SUPERVISOR;
import static weft.vmhost.mmu.TranslationContexts.USER;
import static weft.vmhost.mmu.TranslationContexts.USER_MXR;

import org.junit.jupiter.api.Test;

import java.util.HashMap;
import java.util.Map;

class TranslationContextsTest {
    private final TranslationContexts contexts = new TranslationContexts(new Tlb());

    private static long satp(int space) {
        return (long) PageWalk.SV39 << 60 | (long) space << 44 | 0x80000;
    }

    /// Whatever flushes in between: a number stands for one address space until all are flushed.
    @Test
    void noNumberIsGivenOutTwiceBetweenFlushes() {
        Map<Long, Long> owners = new HashMap<>();
        // An odd one, so that they run out between two kinds of one address space.
        contexts.bits(satp(5000), USER);
        int generation = contexts.generation();
        int flushes = 0;
        for (int space = 0; space < 3000; space++) {
            for (int kind : new int[] {USER, USER_MXR, USER}) {
                long bits = contexts.bits(satp(space), kind);
                if (contexts.generation() != generation) {
                    generation = contexts.generation();
                    owners.clear();
                    flushes++;
                }
                long owner = satp(space) ^ kind;
                assertEquals(owner, owners.computeIfAbsent(bits, _ -> owner));
            }
        }
        assertTrue(flushes > 2);
    }

    @Test
    void supervisorsShareANumberUntilOneMeetsALocalPage() {
        long first = contexts.bits(satp(1), SUPERVISOR);
        assertEquals(first, contexts.bits(satp(2), SUPERVISOR));
        contexts.noteLocal(satp(2));
        assertEquals(first, contexts.bits(satp(2), SUPERVISOR));
        long third = contexts.bits(satp(3), SUPERVISOR);
        assertNotEquals(first, third);
        contexts.noteLocal(satp(3));
        contexts.flushAddressSpace(2);
        assertEquals(third, contexts.bits(satp(3), SUPERVISOR));
        contexts.flushAddressSpace(3);
        assertNotEquals(third, contexts.bits(satp(3), SUPERVISOR));
    }

    @Test
    void modesShareNothing() {
        long other = satp(1) ^ (long) (PageWalk.SV39 ^ PageWalk.SV48) << 60;
        assertNotEquals(contexts.bits(satp(1), SUPERVISOR), contexts.bits(other, SUPERVISOR));
    }
}
