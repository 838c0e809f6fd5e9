package weft.vmhost.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

import weft.fixtures.Await;
import weft.vmhost.device.SerialConsole;
import weft.vmhost.device.TestDevice;
import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.HartState;
import weft.vmhost.hart.Interrupt;
import weft.vmhost.hart.Privilege;
import weft.vmhost.hart.Sleep;
import weft.vmhost.interpreter.TestedEngine;
import weft.vmhost.isa.asm.Assembler;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.memory.PhysicalBus;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/// Hart state management (SBI 2.0, chapter 9): hart 0 asks, by calls made here; hart 1 executes.
@ParameterizedClass
@EnumSource(
        value = TestedEngine.class,
        names = {"INTERPRETER", "EAGER_TRANSLATOR", "EAGER_NATIVE"})
class SbiHartStatesTest {
    private static final long RAM = MemoryLayout.RAM;
    private static final long RAM_BYTES = 4 << 20;

    /// Where hart 1 tells what it saw.
    private static final long TOLD = RAM + 0x10_0000;

    private static final int START = 0;
    private static final int STATUS = 2;
    private static final int SUSPEND = 3;
    private static final long STARTED = 0;
    private static final long STOPPED = 1;
    private static final long START_PENDING = 2;
    private static final long SUSPENDED = 4;

    /// It tells that it runs, as hart a0 with a1 given and translation off, and stops itself.
    private static final String STOPPING =
            """
                li   t0, 0x80100000
                csrr t1, satp
                sd   t1, 24(t0)
                sd   a1, 8(t0)
                addi a0, a0, 100
                sd   a0, 0(t0)
                li   a7, 0x48534d
                li   a6, 1
                ecall
                sd   a0, 16(t0)          # nobody comes here
                j    .+0
            """;

    /// It waits for an interrupt of another hart, which it does not let interrupt it.
    private static final String SUSPENDING =
            """
                li   t0, 0x80100000
                li   s0, 77
                csrrwi zero, sie, 2
                li   a7, 0x48534d
                li   a6, 3
                li   a0, 0
                ecall
                sd   a0, 8(t0)
                sd   s0, 16(t0)
                li   a0, 1
                sd   a0, 0(t0)
                j    .+0
            """;

    @Parameter private TestedEngine tested = TestedEngine.INTERPRETER;

    private final GuestMemory memory = new GuestMemory(RAM, RAM_BYTES);
    private final List<HartThread> threads = new ArrayList<>();
    private final TestDevice.Finisher finisher =
            new TestDevice.Finisher() {
                @Override
                public void powerOff() {}

                @Override
                public void reboot() {}

                @Override
                public void fail(int code) {}
            };
    private final Sbi sbi =
            new Sbi(new HartBoard("test", threads, finisher), new SerialConsole(), memory);

    @BeforeEach
    void makeTwoHarts() {
        var bus = new PhysicalBus(memory);
        var engines = tested.forMachine();
        for (int id = 0; id < 2; id++) {
            var hart = new Hart(id, bus, () -> 0, sbi);
            Engine engine = engines.apply(hart);
            threads.add(new HartThread(hart, () -> hart.run(engine), finisher, "hart" + id));
            threads.get(id).reset(Privilege.SUPERVISOR, RAM, 0);
        }
    }

    @AfterEach
    void end() {
        for (HartThread thread : threads) {
            thread.requestStop();
            thread.join();
        }
        memory.close();
    }

    /// The error in a0, or the value in a1 where there is none.
    private long call(int function, long... arguments) {
        Hart caller = threads.getFirst().hart();
        caller.setX(17, 0x48_534d);
        caller.setX(16, function);
        for (int i = 0; i < arguments.length; i++) {
            caller.setX(10 + i, arguments[i]);
        }
        sbi.call(caller);
        return caller.x(10) == 0 ? caller.x(11) : caller.x(10);
    }

    private long program(String text) {
        memory.write(
                RAM + 0x1000, ByteBuffer.wrap(new Assembler(RAM + 0x1000).add(text).assemble()));
        return RAM + 0x1000;
    }

    private void awaitStatus(long status) throws Exception {
        Await.until("status " + status, () -> call(STATUS, 1) == status);
    }

    @Test
    void onlyTheBootHartIsStarted() {
        assertEquals(STARTED, call(STATUS, 0));
        assertEquals(STOPPED, call(STATUS, 1));
    }

    @Test
    void aStartIsPendingUntilTheHartHasTakenItAndMayNotBeAskedForTwice() throws Exception {
        assertEquals(0, call(START, 1, program("j .+0"), 5));
        assertEquals(START_PENDING, call(STATUS, 1));
        assertEquals(Sbi.ALREADY_AVAILABLE, call(START, 1, RAM + 0x2000, 6));
        threads.get(1).launch();
        awaitStatus(STARTED);
        assertEquals(Sbi.ALREADY_AVAILABLE, call(START, 1, RAM + 0x2000, 6));
        threads.get(1).requestStop();
        threads.get(1).join();
        assertEquals(RAM + 0x1000, threads.get(1).hart().pc());
        assertEquals(5, threads.get(1).hart().x(11));
    }

    @Test
    void aStartedHartIsNotStarted() {
        assertEquals(Sbi.ALREADY_AVAILABLE, call(START, 0, RAM, 0));
        assertEquals(STARTED, call(STATUS, 0));
    }

    @Test
    void aHartThatDoesNotExistIsAnInvalidParameter() {
        for (long id : new long[] {2, 16, -1, 1L << 32, (1L << 32) + 1, Long.MIN_VALUE}) {
            assertEquals(Sbi.INVALID_PARAMETER, call(START, id, RAM, 0));
            assertEquals(Sbi.INVALID_PARAMETER, call(STATUS, id));
        }
    }

    @Test
    void aHartIsNotStartedWhereThereIsNoRam() {
        for (long address : new long[] {0, RAM - 4, RAM + RAM_BYTES, MemoryLayout.UART, -4}) {
            assertEquals(Sbi.INVALID_ADDRESS, call(START, 1, address, 0));
            assertEquals(STOPPED, call(STATUS, 1));
        }
    }

    @Test
    void aStoppedHartExecutesNothingAndStartsAnew() throws Exception {
        threads.get(1).launch();
        for (long opaque = 1; opaque <= 3; opaque++) {
            memory.store64(TOLD, 0);
            memory.store64(TOLD + 24, -1);
            assertEquals(0, call(START, 1, program(STOPPING), opaque));
            Await.until("told", () -> memory.load64(TOLD) != 0);
            assertEquals(101, memory.load64(TOLD), "its id");
            assertEquals(opaque, memory.load64(TOLD + 8));
            assertEquals(0, memory.load64(TOLD + 24), "satp");
            awaitStatus(STOPPED);
        }
        threads.get(1).requestStop();
        threads.get(1).join();
        assertEquals(0, memory.load64(TOLD + 16), "hart_stop does not return");
    }

    @Test
    void aRetentiveSuspendEndsWithAnInterruptAndKeepsWhatTheHartKnew() throws Exception {
        Hart sleeper = threads.get(1).hart();
        // One that is not enabled does not keep it awake.
        sleeper.setInterrupt(Interrupt.SUPERVISOR_EXTERNAL, true);
        threads.get(1).launch();
        assertEquals(0, call(START, 1, program(SUSPENDING), 0));
        awaitStatus(SUSPENDED);
        assertEquals(Sbi.ALREADY_AVAILABLE, call(START, 1, RAM, 0));
        assertEquals(SUSPENDED, call(STATUS, 1));
        assertEquals(0, memory.load64(TOLD));

        sleeper.setInterrupt(Interrupt.SUPERVISOR_SOFTWARE, true);
        awaitStatus(STARTED);
        Await.until("told", () -> memory.load64(TOLD) != 0);
        assertEquals(0, memory.load64(TOLD + 8), "SBI_SUCCESS");
        assertEquals(77, memory.load64(TOLD + 16));
    }

    @Test
    void aHartThatMovesSuspendedIsCalledSuspended() throws Exception {
        Hart sleeper = threads.get(1).hart();
        threads.get(1).launch();
        assertEquals(0, call(START, 1, program(SUSPENDING), 0));
        awaitStatus(SUSPENDED);
        threads.get(1).requestStop();
        threads.get(1).join();
        HartState state = sleeper.capture();
        assertEquals(Sleep.SUSPENDED, state.sleep());
        sleeper.reset(RAM, Privilege.SUPERVISOR, 0, 0);
        assertEquals(STARTED, call(STATUS, 1));
        sleeper.restore(state);
        assertEquals(SUSPENDED, call(STATUS, 1));
    }

    @Test
    void otherSuspendsAreNotOffered() {
        int nonRetentive = 0x8000_0000;
        assertEquals(Sbi.NOT_SUPPORTED, call(SUSPEND, nonRetentive & 0xffff_ffffL, RAM, 0));
        assertEquals(Sbi.NOT_SUPPORTED, call(SUSPEND, nonRetentive, RAM, 0));
        long[] reservedOrOfPlatforms = {
            1, 0x0fff_ffff, 0x1000_0000, 0x7fff_ffff, 0x8000_0001L, 0x9000_0000L, 0xffff_ffffL
        };
        for (long type : reservedOrOfPlatforms) {
            assertEquals(Sbi.INVALID_PARAMETER, call(SUSPEND, type, RAM, 0));
        }
        assertEquals(STARTED, call(STATUS, 0));
    }

    @Test
    void thereAreNoOtherFunctions() {
        assertEquals(Sbi.NOT_SUPPORTED, call(4));
        assertEquals(Sbi.NOT_SUPPORTED, call(-1));
    }
}
