package weft.vmhost.nativecode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.Privilege;
import weft.vmhost.isa.asm.Assembler;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.memory.PhysicalBus;
import weft.vmhost.memory.WriteOnlyDevice;
import weft.vmhost.translator.TranslatorSettings.Access;
import weft.vmhost.translator.TranslatorSettings.When;

import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicLong;

/// What becomes of a machine's code while it has little to do.
@EnabledIf("weft.vmhost.nativecode.NativeCode#isSupported")
class IdleMachineTest {
    private static final long RAM = 0x8000_0000L;
    private static final long POWER = 0x10_0000L;
    private static final int FORGET_TICKS = 1_000_000;
    private static final int IDLE_BYTES = 100_000;
    private static final int LOOPS = 20;

    /// Loops, each in a page of its own, for whose entries there is a table of 8 KiB.
    private static String program() {
        var program = new StringBuilder();
        for (int i = 0; i < LOOPS; i++) {
            program.append(
                    """
                        li   t0, 1000
                    loop%1$d:
                        addi a0, a0, 1
                        addi t0, t0, -1
                        bnez t0, loop%1$d
                        j    next%1$d
                        .align 12
                    next%1$d:
                    """
                            .formatted(i));
        }
        return program.append("li t6, %#x\n sw zero, 0(t6)\n j .+0\n".formatted(POWER)).toString();
    }

    private final GuestMemory memory = new GuestMemory(RAM, 1 << 20);
    private final PhysicalBus bus = new PhysicalBus(memory);
    private final AtomicLong ticks = new AtomicLong();
    private final Hart hart = new Hart(0, bus, ticks::get, null);
    private final NativeCode code =
            new NativeCode(
                    new NativeSettings(
                            10,
                            1,
                            400,
                            1_000,
                            16 << 20,
                            FORGET_TICKS,
                            IDLE_BYTES,
                            When.AT_ONCE,
                            Access.CHECKED));
    private final Engine engine = code.engine(hart);

    IdleMachineTest() {
        bus.attach(POWER, 0x1000, new WriteOnlyDevice(hart::requestStop));
        memory.write(RAM, ByteBuffer.wrap(new Assembler(RAM).add(program()).assemble()));
    }

    @AfterEach
    void close() {
        memory.close();
    }

    /// Executes the last so many loops.
    private void run(int loops) {
        hart.reset(RAM + (LOOPS - loops) * 0x1000L, Privilege.MACHINE, 0, 0);
        hart.run(engine);
        assertEquals(1000 * loops, hart.x(10));
    }

    @Test
    void codeGoesWhenItsMachineIdlesAndComesBackWhenItIsExecuted() {
        run(LOOPS);
        assertTrue(code.counts().codeBytes() > IDLE_BYTES);
        ticks.addAndGet(10 * FORGET_TICKS);
        run(1);
        assertEquals(1, code.counts().flushes());
        assertTrue(code.counts().codeBytes() < IDLE_BYTES);
        run(LOOPS);
        assertTrue(code.counts().codeBytes() > IDLE_BYTES);
    }

    @Test
    void codeStaysWhileItsMachineIsBusy() {
        for (int i = 0; i < 10; i++) {
            // Three instructions a tick.
            for (long end = ticks.get() + 2 * FORGET_TICKS; ticks.get() < end; ) {
                run(LOOPS);
                ticks.addAndGet(20_000);
            }
        }
        assertEquals(0, code.counts().flushes());
    }

    @Test
    void littleCodeStays() {
        for (int i = 0; i < 5; i++) {
            run(1);
            ticks.addAndGet(10 * FORGET_TICKS);
        }
        assertTrue(code.counts().regionsMade() > 0);
        assertEquals(0, code.counts().flushes());
    }
}
