package weft.vmhost.interpreter;

import weft.vmhost.hart.Engine;
import weft.vmhost.hart.Hart;
import weft.vmhost.hart.Privilege;
import weft.vmhost.isa.asm.Assembler;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.memory.MmioDevice;
import weft.vmhost.memory.PhysicalBus;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/// Harts on real threads that run a litmus test many times: each hart has a few lines of its own,
/// done once for every *cell*, a fresh pair of locations `x` and `y` that begin as zero.
///
/// The lines find `x` at (a1), `y` at (a2), 1 in a5; what they leave in a3 and a4 is the hart's
/// outcome. Harts meet at a barrier every few cells, so that they stay close together.
///
/// ```
/// cell 256 B: x 8 at 0 · y 8 at 64 · outcome of hart h: a3 8, a4 8 at 128 + 32 h
/// ```
final class LitmusMachine {
    static final int CELLS = 6_000;

    private static final long RAM = 0x8000_0000L;
    private static final long BARRIER = RAM + 0x8000;
    private static final long FIRST_CELL = RAM + 0x1_0000;
    private static final int CELL_BYTES = 256;
    private static final long POWER = 0x10_0000L;

    /// Cells between two barriers; a power of two.
    private static final int STRIDE = 4;

    /// Runs the lines of each hart in all cells.
    ///
    /// @return how often each outcome came, as "a3 a4 | a3 a4 | …" in the order of the harts
    Map<String, Integer> run(String... linesOfHarts) throws InterruptedException {
        try (var memory = new GuestMemory(RAM, FIRST_CELL - RAM + (long) CELLS * CELL_BYTES)) {
            memory.write(RAM, ByteBuffer.wrap(program(linesOfHarts)));
            execute(memory, linesOfHarts.length);
            return outcomes(memory, linesOfHarts.length);
        }
    }

    private void execute(GuestMemory memory, int count) throws InterruptedException {
        Function<Hart, Engine> engines = TestEngines.forMachine();
        var bus = new PhysicalBus(memory);
        List<Hart> harts = new ArrayList<>();
        bus.attach(POWER, 0x1000, new PowerSwitch(harts));
        List<Thread> threads = new ArrayList<>();
        for (int id = 0; id < count; id++) {
            var hart = new Hart(id, bus, () -> 0, null);
            hart.reset(RAM, Privilege.MACHINE, id, 0);
            harts.add(hart);
        }
        for (Hart hart : harts) {
            threads.add(Thread.ofPlatform().start(() -> hart.run(engines.apply(hart))));
        }
        for (Thread thread : threads) {
            thread.join();
        }
    }

    private static byte[] program(String... linesOfHarts) {
        var text = new StringBuilder();
        text.append(
                """
                    mv   s11, a0
                    li   s1, %#x
                    li   s2, %d
                    li   s3, %#x
                    li   s4, 0
                    li   s5, 0
                    li   s6, 0x100000
                next:
                    andi t0, s4, %d
                    bnez t0, go
                    addi s5, s5, %d
                    li   t1, 1
                    amoadd.d zero, t1, (s3)
                wait:
                    ld   t1, 0(s3)
                    bltu t1, s5, wait
                go:
                    mv   a1, s1
                    addi a2, s1, 64
                    li   a3, 0
                    li   a4, 0
                    li   a5, 1
                """
                        .formatted(FIRST_CELL, CELLS, BARRIER, STRIDE - 1, linesOfHarts.length));
        for (int hart = 0; hart < linesOfHarts.length; hart++) {
            text.append("li t0, %d\n beq s11, t0, hart%d\n".formatted(hart, hart));
        }
        for (int hart = 0; hart < linesOfHarts.length; hart++) {
            text.append("hart%d:\n%s\n j done\n".formatted(hart, linesOfHarts[hart]));
        }
        text.append(
                """
                done:
                    slli t0, s11, 5
                    add  t0, t0, s1
                    sd   a3, 128(t0)
                    sd   a4, 136(t0)
                    addi s1, s1, 256
                    addi s4, s4, 1
                    bltu s4, s2, next
                    sw   s11, 0(s6)
                    j    .+0
                """);
        return new Assembler(RAM).add(text.toString()).assemble();
    }

    private static Map<String, Integer> outcomes(GuestMemory memory, int harts) {
        Map<String, Integer> counts = new TreeMap<>();
        for (int cell = 0; cell < CELLS; cell++) {
            long at = FIRST_CELL + (long) cell * CELL_BYTES;
            List<String> parts = new ArrayList<>();
            for (int hart = 0; hart < harts; hart++) {
                long outcome = at + 128 + 32L * hart;
                parts.add(memory.load64(outcome) + " " + memory.load64(outcome + 8));
            }
            parts.add(memory.load64(at) + " " + memory.load64(at + 64));
            counts.merge(String.join(" | ", parts), 1, Integer::sum);
        }
        return counts;
    }

    /// Stops the hart whose number is written.
    private record PowerSwitch(List<Hart> harts) implements MmioDevice {
        @Override
        public long load(int offsetBytes, int sizeBytes) {
            return 0;
        }

        @Override
        public void store(int offsetBytes, int sizeBytes, long value) {
            harts.get((int) value).requestStop();
        }
    }
}
