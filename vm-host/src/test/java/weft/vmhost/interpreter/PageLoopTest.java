package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import weft.runtime.BrokenInvariant;
import weft.vmhost.hart.HartWindow;
import weft.vmhost.isa.Decoded;
import weft.vmhost.isa.Op;
import weft.vmhost.memory.HostMemory;
import weft.vmhost.mmu.Tlb;
import weft.vmhost.nativecode.NativeCode;
import weft.vmhost.translator.TranslatorSettings.Access;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/// The loop in machine code against the one in Java, on slots that no decoder needs to have made.
class PageLoopTest {
    private static final int PAGE = 4096;
    private static final long DATA = 0x7F_1234_5000L;
    private static final int DATA_PAGES = 4;
    private static final long[] EDGES = {
        0,
        1,
        -1,
        Long.MIN_VALUE,
        Long.MAX_VALUE,
        Integer.MIN_VALUE,
        Integer.MAX_VALUE,
        0xFFFF_FFFFL,
        0x1_0000_0000L,
        31,
        32,
        63,
        64
    };

    private final MemorySegment ram = Arena.ofAuto().allocate(DATA_PAGES * PAGE, PAGE);
    private final Tlb tlb = new Tlb();
    private SplittableRandom random = new SplittableRandom(0);

    /// Where a loop stopped, with all that it did before.
    private record Outcome(long executed, int slot) {}

    @BeforeEach
    void needsMachineCode() {
        assumeTrue(NativeCode.isSupported(), "no native code here");
        HostMemory.putLong(tlb.base() + HartWindow.RAM_BEGIN, ram.address());
        HostMemory.putLong(tlb.base() + HartWindow.RAM_END, ram.address() + ram.byteSize());
    }

    @Test
    void doesWhatTheLoopInJavaDoes() {
        long seed = Long.getLong("weft.seed", 20_261_129);
        random = new SplittableRandom(seed);
        long executed = 0;
        for (int round = 0; round < 10_000; round++) {
            long context = 8L * random.nextInt(3);
            mapData(context);
            long[] slots = randomSlots();
            for (int entry = 0; entry < 10; entry++) {
                executed += compare(slots, context, "seed %d, round %d".formatted(seed, round));
            }
        }
        assertTrue(executed > 1_000_000, "only " + executed + " instructions");
    }

    private long compare(long[] slots, long context, String where) {
        long page = random.nextBoolean() ? 0x8000_1000L : -PAGE * (1L + random.nextInt(3));
        long[] x = randomRegisters(page);
        long[] y = x.clone();
        long[] frame = frame(page, context);
        byte[] before = new byte[(int) ram.byteSize()];
        random.nextBytes(before);
        HostMemory.putLong(frame[PageLoop.BUDGET_END], random.nextInt(8) == 0 ? 0 : 1);
        int end = random.nextInt(10) == 0 ? random.nextInt(5) - 2 : random.nextInt(3_000);
        int slot = random.nextInt(20) == 0 ? 2_040 + random.nextInt(10) : random.nextInt(2_048);
        Access access = random.nextBoolean() ? Access.CHECKED : Access.TRUSTED;

        ram.copyFrom(MemorySegment.ofArray(before));
        Outcome inJava = drive(PageRun::run, x, slots, slot, frame, end);
        byte[] expected = ram.toArray(ValueLayout.JAVA_BYTE);
        ram.copyFrom(MemorySegment.ofArray(before));
        Outcome inCode = drive(NativeCode.pageLoop(access), y, slots, slot, frame, end);

        assertEquals(inJava, inCode, where);
        assertArrayEquals(x, y, where);
        assertArrayEquals(expected, ram.toArray(ValueLayout.JAVA_BYTE), where);
        return inJava.executed();
    }

    /// Products and quotients are for one loop to execute and for the other to leave.
    private static Outcome drive(
            PageLoop loop, long[] x, long[] slots, int from, long[] frame, int end) {
        long executed = 0;
        int slot = from;
        while (true) {
            frame[PageLoop.END] = end - executed;
            long cursor = loop.run(x, slots, slot, frame);
            executed += cursor >> PageLoop.COUNT_SHIFT;
            slot = (int) cursor & PageLoop.SLOT_MASK;
            long d = slots[slot];
            int op = Decoded.op(d);
            if (op < Op.MUL || op > Op.REMUW) {
                return new Outcome(executed, slot);
            }
            x[Decoded.rd(d)] = Multiplication.execute(op, x[Decoded.rs1(d)], x[Decoded.rs2(d)]);
            executed++;
            slot += Decoded.halfwords(d);
        }
    }

    private long[] frame(long page, long context) {
        long[] frame = new long[PageLoop.FRAME_LENGTH];
        PageLoop.setPage(frame, page, tlb, context);
        frame[PageLoop.BUDGET_END] = tlb.base() + HartWindow.BUDGET_END;
        return frame;
    }

    /// Of four pages one may not be written, and one perhaps not be read.
    private void mapData(long context) {
        tlb.flushAll();
        for (int page = 0; page < DATA_PAGES; page++) {
            long offset = (long) page * PAGE;
            boolean read = page != 2 || random.nextBoolean();
            tlb.fill(DATA + offset, context, ram.address() + offset, offset, read, page != 3);
        }
    }

    private long[] randomRegisters(long page) {
        long[] x = new long[Decoded.PLACES];
        for (int i = 1; i < 32; i++) {
            x[i] =
                    switch (random.nextInt(5)) {
                        case 0 -> random.nextLong();
                        case 1 -> EDGES[random.nextInt(EDGES.length)];
                        case 2 -> page + random.nextInt(PAGE);
                        default -> DATA + 8L * random.nextInt(DATA_PAGES * PAGE / 8);
                    };
        }
        return x;
    }

    private long[] randomSlots() {
        long[] slots = DecodedPage.emptySlots();
        for (int slot = 0; slot < DecodedPage.SLOTS; slot++) {
            boolean any = random.nextInt(40) == 0;
            slots[slot] = randomSlot(any ? random.nextInt(Op.COUNT) : Op.JAL + random.nextInt(66));
        }
        return slots;
    }

    private long randomSlot(int op) {
        int immediate = random.nextBoolean() ? random.nextInt() : random.nextInt(PAGE) - PAGE / 2;
        if (op == Op.JAL || op >= Op.BEQ && op <= Op.BGEU) {
            immediate = 2 * (random.nextInt(200) - 100);
        } else if (op >= Op.LB && op <= Op.SD) {
            immediate = 8 * random.nextInt(8) + (random.nextInt(4) == 0 ? 1 : 0);
        } else if (op >= Op.SLLI && op <= Op.SRAI) {
            immediate &= 63;
        } else if (op >= Op.SLLIW && op <= Op.SRAIW) {
            immediate &= 31;
        }
        return slot(op, immediate);
    }

    private long slot(int op, int immediate) {
        // Few registers, so that results are used.
        int rd = random.nextInt(8) == 0 ? Decoded.DISCARD : 1 + random.nextInt(7);
        int halfwords = 1 + random.nextInt(2);
        return (long) immediate << 32
                | (long) random.nextInt(8) << 24
                | (long) random.nextInt(8) << 16
                | (long) rd << 9
                | (2L - halfwords) << 8
                | op;
    }

    @Test
    void executesWhatItHasACaseFor() {
        mapData(0);
        for (int op = Op.JAL; op <= Op.REMUW; op++) {
            boolean isLeft = op >= Op.FLW && op <= Op.FSD || op == Op.MULHSU;
            long[] slots = DecodedPage.emptySlots();
            // rd x1, rs1 x2, rs2 x3; a jump goes on behind itself.
            slots[8] = (op == Op.JALR ? 4L : 8L) << 32 | 3L << 24 | 2L << 16 | 1L << 9 | op;
            long[] x = new long[Decoded.PLACES];
            x[2] = op == Op.JALR ? 0x8000_1000L : DATA;
            x[3] = 7;
            long[] frame = frame(0x8000_1000L, 0);
            frame[PageLoop.END] = 100;
            HostMemory.putLong(frame[PageLoop.BUDGET_END], 1);
            long cursor = NativeCode.pageLoop(Access.TRUSTED).run(x, slots, 8, frame);
            assertEquals(isLeft ? 0 : 1, cursor >> PageLoop.COUNT_SHIFT, "operation " + op);
        }
    }

    @Test
    void aCheckedOneUsesNoHostAddressOutsideOfTheGuestsMemory() {
        long window = tlb.base();
        HostMemory.putLong(window + HartWindow.RAM_BEGIN, ram.address() + PAGE);
        HostMemory.putLong(window + HartWindow.RAM_END, ram.address() + 2 * PAGE);
        var loop = NativeCode.pageLoop(Access.CHECKED);
        for (int page = 0; page < 3; page++) {
            tlb.flushAll();
            tlb.fill(DATA, 0, ram.address() + (long) page * PAGE, 0, true, true);
            for (int op : new int[] {Op.LB, Op.LD, Op.SB, Op.SD}) {
                long[] slots = DecodedPage.emptySlots();
                slots[0] = 2L << 16 | 1L << 9 | op;
                long[] x = new long[Decoded.PLACES];
                x[2] = DATA;
                long[] frame = frame(0x8000_1000L, 0);
                if (page == 1) {
                    assertEquals(1, loop.run(x, slots, 0, frame) >> PageLoop.COUNT_SHIFT);
                } else {
                    assertThrows(BrokenInvariant.class, () -> loop.run(x, slots, 0, frame));
                }
            }
        }
    }

    @Test
    void arraysThatAreTooShortAreRefused() {
        var loop = NativeCode.pageLoop(Access.TRUSTED);
        long[] slots = DecodedPage.emptySlots();
        long[] x = new long[Decoded.PLACES];
        long[] frame = frame(0x8000_1000L, 0);
        assertThrows(IllegalArgumentException.class, () -> loop.run(new long[32], slots, 0, frame));
        assertThrows(IllegalArgumentException.class, () -> loop.run(x, new long[9], 0, frame));
        assertThrows(IllegalArgumentException.class, () -> loop.run(x, slots, 0, new long[2]));
        assertThrows(IllegalArgumentException.class, () -> loop.run(x, slots, 4_000, frame));
        assertThrows(IllegalArgumentException.class, () -> loop.run(x, slots, -1, frame));
    }
}
