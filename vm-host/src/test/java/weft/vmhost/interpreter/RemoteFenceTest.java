package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static weft.vmhost.interpreter.BareHart.RAM;

import org.junit.jupiter.api.Test;

import weft.fixtures.Await;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.Privilege;
import weft.vmhost.hart.RemoteFence;
import weft.vmhost.isa.asm.Assembler;
import weft.vmhost.memory.MmioDevice;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CountDownLatch;

class RemoteFenceTest {
    private static final long SLOW_DEVICE = 0x20_0000;

    /// Answers a load when it is let, and says when one has come.
    private static final class SlowDevice implements MmioDevice {
        private final CountDownLatch asked = new CountDownLatch(1);
        private final CountDownLatch answers = new CountDownLatch(1);

        @Override
        public long load(int offsetBytes, int sizeBytes) {
            asked.countDown();
            try {
                answers.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return 0;
        }

        @Override
        public void store(int offsetBytes, int sizeBytes, long value) {}
    }

    /// One hart is in the middle of an instruction for long; another has to fence meanwhile.
    @Test
    void noHartIsAskedOnlyWhenAnotherHasAnswered() throws Exception {
        var slow = new SlowDevice();
        String program =
                """
                    lw   a0, 0(a1)
                    j    exit
                    .align 3
                loop:
                    li   a0, 0
                    addi a2, a2, 1
                    sd   a2, 8(a1)
                    beqz a0, loop
                    sd   a0, 0(a1)
                    j    .+0
                """;
        try (BareHart it = new BareHart(program)) {
            it.bus.attach(SLOW_DEVICE, 0x1000, slow);
            it.hart.setX(11, SLOW_DEVICE);
            var other = new Hart(1, it.bus, it.ticks::get, null);
            long seen = RAM + 0x10_0000;
            other.reset(it.label("loop"), Privilege.MACHINE, 0, seen);
            Thread first = Thread.ofPlatform().start(it::run);
            Thread second = Thread.ofPlatform().start(() -> other.run(it.engineFor(other)));
            slow.asked.await();
            while (it.memory.load64(seen + 8) < 1000) {
                Thread.onSpinWait();
            }
            byte[] one = new Assembler(it.label("loop")).add("li a0, 1").assemble();
            it.memory.write(it.label("loop"), ByteBuffer.wrap(one));
            Thread fencing =
                    Thread.ofPlatform()
                            .start(() -> RemoteFence.INSTRUCTIONS.on(List.of(it.hart, other)));
            try {
                Await.until("the second hart is fenced", () -> it.memory.load64(seen) == 1);
                assertTrue(fencing.isAlive(), "the first hart was not waited for");
            } finally {
                slow.answers.countDown();
                other.requestStop();
            }
            fencing.join();
            first.join();
            second.join();
            assertEquals(0, it.x(10));
        }
    }
}
