package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static weft.vmhost.interpreter.BareHart.RAM;

import org.junit.jupiter.api.Test;

import weft.fixtures.Await;
import weft.vmhost.hart.Interrupt;
import weft.vmhost.memory.MmioDevice;

import java.util.concurrent.atomic.AtomicLong;

/// An interrupt that another thread raises is taken within a number of instructions, whatever the
/// hart executes. Instructions are counted by the guest: it keeps the count of its passes in
/// memory, where the raising thread looks *after* it has raised, and the handler's device when the
/// interrupt is taken. Time plays no part.
class InterruptLatencyTest {
    /// An engine's longest run (what its settings call budgetMax), and the rest of a page behind
    /// it, executed to where attention is paid next.
    private static final int TRANSLATED_MAX = 20_000 + 2_048;

    /// The interpreter looks at each jump backwards and at each page's end.
    private static final int INTERPRETED_MAX = 2 * 2_048;

    private static final int TIMES = 50;
    private static final long DEVICE = 0x20_0000;
    private static final long COUNT = RAM + 0x10_0000;

    private static final String BEGIN =
            """
                la   t0, handler
                csrw mtvec, t0
                li   s1, %#x
                li   s3, %#x
                li   s4, 1
                li   s2, 0
                la   s5, count
                li   t0, 8               # MSIE
                csrw mie, t0
                csrrsi zero, mstatus, 8
                j    begin
                .align 4
            handler:
                sw   zero, 0(s3)
                mret
            count:
                addi s2, s2, 1
                sd   s2, 0(s1)
                ret
            begin:
            """
                    .formatted(COUNT, DEVICE);

    /// Lowers the line, and remembers the guest's count at that moment.
    private static final class Taken implements MmioDevice {
        private final BareHart it;
        private final AtomicLong times = new AtomicLong();
        private volatile long count;

        Taken(BareHart it) {
            this.it = it;
        }

        @Override
        public long load(int offsetBytes, int sizeBytes) {
            return 0;
        }

        @Override
        public void store(int offsetBytes, int sizeBytes, long value) {
            it.hart.setInterrupt(Interrupt.MACHINE_SOFTWARE, false);
            count = it.memory.load64(COUNT);
            times.incrementAndGet();
        }

        void awaitNext(long before) {
            while (times.get() == before) {
                Thread.onSpinWait();
            }
        }
    }

    /// @param instructionsPerPass what is executed between two changes of the count
    private static void isTakenSoon(String body, int instructionsPerPass) throws Exception {
        try (BareHart it = new BareHart(BEGIN + body)) {
            var taken = new Taken(it);
            it.bus.attach(DEVICE, 0x1000, taken);
            Thread thread = Thread.ofPlatform().start(it::run);
            long most = 0;
            for (int i = 0; i < TIMES; i++) {
                // Until it executes what it will execute for long, and is somewhere else in it.
                long goal = it.memory.load64(COUNT) + (i < TIMES / 2 ? 10_000 : 7 * i);
                while (it.memory.load64(COUNT) < goal) {
                    Thread.onSpinWait();
                }
                long before = taken.times.get();
                it.hart.setInterrupt(Interrupt.MACHINE_SOFTWARE, true);
                long raised = it.memory.load64(COUNT);
                taken.awaitNext(before);
                most = Math.max(most, (taken.count - raised) * instructionsPerPass);
            }
            it.hart.requestStop();
            thread.join();
            System.out.println("interrupts: taken within " + most + " instructions");
            int limit =
                    switch (TestEngines.current()) {
                        case INTERPRETER, INTERPRETER_IN_MACHINE_CODE -> INTERPRETED_MAX;
                        default -> TRANSLATED_MAX;
                    };
            assertTrue(most <= limit, "taken after " + most + " instructions");
        }
    }

    @Test
    void inATightLoop() throws Exception {
        isTakenSoon("loop: addi s2, s2, 1\n sd s2, 0(s1)\n j loop\n", 3);
    }

    @Test
    void inALongChainOfBlocks() throws Exception {
        var body = new StringBuilder("loop:\n");
        for (int block = 0; block < 500; block++) {
            body.append(
                    "addi s2, s2, 1\n sd s2, 0(s1)\n beq zero, zero, b%d\n nop\n nop\n b%d:\n"
                            .formatted(block, block));
        }
        isTakenSoon(body + "j loop\n", 3);
    }

    @Test
    void inCodeWithoutJumpsOverSeveralPages() throws Exception {
        isTakenSoon("loop:\n" + "addi s2, s2, 1\n sd s2, 0(s1)\n".repeat(2000) + "j loop\n", 2);
    }

    @Test
    void betweenJumpsThroughAPointer() throws Exception {
        isTakenSoon("la t1, loop\nloop: addi s2, s2, 1\n sd s2, 0(s1)\n jr t1\n", 3);
    }

    @Test
    void betweenCallsThroughAPointer() throws Exception {
        isTakenSoon("loop: jalr ra, 0(s5)\n j loop\n", 5);
    }

    @Test
    void betweenAtomicOperations() throws Exception {
        isTakenSoon("loop: amoadd.d zero, s4, (s1)\n j loop\n", 2);
    }

    @Test
    void whereEveryInstructionIsExecutedAlone() throws Exception {
        // AMOs of the minimum are left to the interpreter by every engine.
        isTakenSoon(
                "loop: addi s2, s2, 1\n amomaxu.d zero, s2, (s1)\n csrr t0, mscratch\n j loop\n",
                4);
    }

    @Test
    void aSleeperTakesItBeforeItsNextInstruction() throws Exception {
        String body = "loop: wfi\n addi s2, s2, 1\n sd s2, 0(s1)\n j loop\n";
        try (BareHart it = new BareHart(BEGIN + body)) {
            var taken = new Taken(it);
            it.bus.attach(DEVICE, 0x1000, taken);
            Thread thread = Thread.ofPlatform().start(it::run);
            for (int i = 0; i < TIMES; i++) {
                while (it.memory.load64(COUNT) != i
                        || thread.getState() != Thread.State.TIMED_WAITING) {
                    Thread.onSpinWait();
                }
                it.hart.setInterrupt(Interrupt.MACHINE_SOFTWARE, true);
                taken.awaitNext(i);
                assertEquals(i, taken.count);
            }
            it.hart.requestStop();
            thread.join();
        }
    }

    /// Another hart's IPI comes at any moment, also within an instruction that clears another bit.
    @Test
    void noneIsLostWhileSoftwareClearsAnother() throws Exception {
        String program =
                """
                    la   t0, handler
                    csrw mtvec, t0
                    li   s3, %#x
                    li   t0, 2               # SSIE
                    csrw mie, t0
                    csrrsi zero, mstatus, 8
                    li   t1, 0x20            # STIP
                loop:
                    csrrc zero, mip, t1
                    csrrs zero, mip, t1
                    csrrc zero, mip, t1
                    j    loop
                    .align 4
                handler:
                    csrrci zero, mip, 2
                    sw   zero, 0(s3)
                    mret
                """
                        .formatted(DEVICE);
        try (BareHart it = new BareHart(program)) {
            var taken = new Taken(it);
            it.bus.attach(DEVICE, 0x1000, taken);
            Thread thread = Thread.ofPlatform().start(it::run);
            for (int i = 0; i < 20_000; i++) {
                int sent = i;
                it.hart.setInterrupt(Interrupt.SUPERVISOR_SOFTWARE, true);
                for (int spins = 0; taken.times.get() == sent && spins < 100_000; spins++) {
                    Thread.onSpinWait();
                }
                Await.until("IPI " + i + " is taken", () -> taken.times.get() > sent);
            }
            it.hart.requestStop();
            thread.join();
        }
    }
}
