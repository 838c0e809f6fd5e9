package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vmhost.interpreter.BareHart.RAM;

import org.junit.jupiter.api.Test;

import weft.vmhost.hart.Hart;
import weft.vmhost.hart.Privilege;
import weft.vmhost.hart.RemoteFence;
import weft.vmhost.hart.SupervisorCalls;

import java.util.ArrayList;

class SupervisorCallsTest {
    @Test
    void anEcallFromSupervisorModeIsTheMachinesToAnswer() {
        try (BareHart it =
                new BareHart(
                        "ecall\n mv a2, a0\n j exit",
                        hart -> hart.setX(10, hart.x(10) + hart.x(17)))) {
            it.hart.reset(RAM, Privilege.SUPERVISOR, 40, 0);
            it.hart.setX(17, 2);
            it.run();
            assertEquals(42, it.x(12));
            assertEquals(0, it.csr("scause"));
        }
    }

    @Test
    void theMachineMayStopTheHartInTheCall() {
        try (BareHart it = new BareHart("ecall\n li a0, 1", Hart::requestStop)) {
            it.hart.reset(RAM, Privilege.SUPERVISOR, 0, 0);
            it.run();
            assertEquals(RAM + 4, it.hart.pc());
        }
    }

    /// Each call fences the other hart; neither may wait for ever.
    @Test
    void hartsThatFenceEachOtherBothGoOn() throws Exception {
        var harts = new ArrayList<Hart>();
        SupervisorCalls calls = caller -> RemoteFence.TRANSLATIONS.on(harts);
        try (BareHart it =
                new BareHart(
                        """
                        loop:
                            ecall
                            addi a2, a2, -1
                            bnez a2, loop
                            sd a1, 0(a1)
                            j .+0
                        """,
                        calls)) {
            harts.add(it.hart);
            harts.add(new Hart(1, it.bus, it.ticks::get, calls));
            var threads = new ArrayList<Thread>();
            for (Hart hart : harts) {
                hart.reset(RAM, Privilege.SUPERVISOR, 0, RAM + 0x10_0000 + 8 * hart.id());
                hart.setX(12, 2000);
                threads.add(Thread.ofPlatform().start(() -> hart.run(it.engineFor(hart))));
            }
            while (it.memory.load64(RAM + 0x10_0000) == 0
                    || it.memory.load64(RAM + 0x10_0008) == 0) {
                Thread.onSpinWait();
            }
            harts.forEach(Hart::requestStop);
            for (Thread thread : threads) {
                thread.join();
            }
            assertEquals(0, harts.get(1).x(12));
        }
    }
}
