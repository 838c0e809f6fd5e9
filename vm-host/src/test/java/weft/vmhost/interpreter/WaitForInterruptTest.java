package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vmhost.interpreter.BareHart.RAM;

import org.junit.jupiter.api.Test;

import weft.vmhost.hart.Interrupt;
import weft.vmhost.hart.Privilege;
import weft.vmhost.hart.RemoteFence;
import weft.vmhost.hart.Sleep;

import java.util.List;
import java.util.Map;

class WaitForInterruptTest {
    private static final String WAIT =
            """
            sleep:
                wfi
            awake:
                li a0, 1
            """;

    /// Runs on its own thread; the test talks to the hart from here.
    private static Thread start(BareHart it) {
        return Thread.ofPlatform().start(it::run);
    }

    private static void awaitSleep(Thread thread) {
        while (thread.getState() != Thread.State.TIMED_WAITING) {
            Thread.onSpinWait();
        }
    }

    @Test
    void theThreadParksAndAnInterruptWakesItThoughDeliveryIsOff() throws Exception {
        try (BareHart it = new BareHart(WAIT)) {
            it.setCsrs(Map.of("mie", (long) Interrupt.SUPERVISOR_EXTERNAL));
            Thread thread = start(it);
            awaitSleep(thread);
            it.hart.setInterrupt(Interrupt.SUPERVISOR_EXTERNAL, true);
            thread.join();
            assertEquals(1, it.x(10));
            assertEquals(0, it.csr("mcause"));
        }
    }

    @Test
    void anInterruptThatIsNotEnabledDoesNotWakeIt() throws Exception {
        try (BareHart it = new BareHart(WAIT)) {
            it.setCsrs(Map.of("mie", (long) Interrupt.MACHINE_SOFTWARE));
            Thread thread = start(it);
            awaitSleep(thread);
            it.hart.setInterrupt(Interrupt.SUPERVISOR_EXTERNAL, true);
            it.hart.requestStop();
            thread.join();
            assertEquals(0, it.x(10));
            assertEquals(it.label("awake"), it.hart.pc());
            // The state remembers the sleep, and the next run goes on with it.
            assertEquals(Sleep.WAITING, it.hart.capture().sleep());
            Thread again = start(it);
            awaitSleep(again);
            it.hart.setInterrupt(Interrupt.MACHINE_SOFTWARE, true);
            again.join();
            assertEquals(1, it.x(10));
        }
    }

    @Test
    void theTimerWakesItByItself() throws Exception {
        try (BareHart it = new BareHart(WAIT)) {
            it.setCsrs(Map.of("mie", (long) Interrupt.MACHINE_TIMER));
            it.hart.setMachineTimer(20_000); // 2 ms
            Thread thread = start(it);
            awaitSleep(thread);
            it.ticks.set(20_000);
            thread.join();
            assertEquals(1, it.x(10));
        }
    }

    @Test
    void aFenceDoesNotWaitForASleeper() throws Exception {
        try (BareHart it = new BareHart(WAIT)) {
            it.setCsrs(Map.of("mie", (long) Interrupt.MACHINE_TIMER));
            Thread thread = start(it);
            awaitSleep(thread);
            RemoteFence.TRANSLATIONS.on(List.of(it.hart));
            it.hart.dropWriteTags();
            it.hart.requestStop();
            thread.join();
            assertEquals(it.label("awake"), it.hart.pc());
        }
    }

    @Test
    void twTrapsItInSupervisorMode() {
        try (BareHart it = new BareHart(WAIT).setCsrs(Map.of("mstatus", 1L << 21))) {
            it.enter(RAM, Privilege.SUPERVISOR).run();
            assertEquals(List.of(2L, RAM, 0x1050_0073L), it.machineTrap());
        }
    }
}
