package weft.vmhost.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.runtime.BootClock;
import weft.runtime.BrokenInvariant;
import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.interpreter.Interpreter;
import weft.vmhost.isa.asm.Assembler;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

class BrokenHartTest {
    /// An engine with a fault.
    private static final class BrokenEngine implements Engine {
        @Override
        public void execute(Hart hart) {
            throw new BrokenInvariant("for a test");
        }

        @Override
        public void step(Hart hart) {
            execute(hart);
        }
    }

    @Test
    void aMachineOfWhichOneHartCannotGoOnFailsAsAWhole() throws Exception {
        byte[] code = new Assembler(MemoryLayout.RAM).add("j .+0").assemble();
        ElfFile program = new ElfFile(MemoryLayout.RAM).load(MemoryLayout.RAM, code, 0x1000);
        var spec =
                new MachineSpec(
                        "broken",
                        16L << 20,
                        2,
                        ElfProgram.parse(program.bytes()),
                        List.of(),
                        List.of());
        var engines =
                EngineSet.of(hart -> hart.id() == 1 ? new BrokenEngine() : new Interpreter(hart));
        var ended = new CountDownLatch(1);
        var listener =
                new Machine.Listener() {
                    @Override
                    public void powerChanged(PowerState state) {
                        ended.countDown();
                    }
                };
        try (var machine = new Machine(spec, BootClock.SYSTEM, engines, listener)) {
            machine.start();
            assertTrue(ended.await(60, TimeUnit.SECONDS), "the other hart goes on alone");
            assertEquals(new PowerState.Failed(HartThread.CANNOT_GO_ON), machine.state());
        }
    }
}
