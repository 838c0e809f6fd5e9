package weft.vmhost.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.runtime.BootClock;
import weft.vmhost.device.SerialConsole;
import weft.vmhost.isa.asm.Assembler;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// A program without firmware or kernel owns the machine and says how it ended.
class BareMetalProgramTest {
    private static final long RAM = MemoryLayout.RAM;

    /// Behind the code.
    private static final long TOHOST = RAM + 0x1000;

    private static ElfFile program(String text) {
        byte[] code = new Assembler(RAM).add(text).assemble();
        return new ElfFile(RAM).load(RAM, code, 0x2000);
    }

    private record Ended(PowerState state, String printed) {}

    private static Ended run(ElfFile file, int harts) throws InterruptedException {
        var spec =
                new MachineSpec(
                        "bare",
                        16L << 20,
                        harts,
                        ElfProgram.parse(file.bytes()),
                        List.of(),
                        List.of());
        var ended = new CountDownLatch(1);
        var listener =
                new Machine.Listener() {
                    @Override
                    public void powerChanged(PowerState state) {
                        ended.countDown();
                    }
                };
        try (var machine = new Machine(spec, BootClock.SYSTEM, listener)) {
            machine.start();
            assertTrue(ended.await(60, TimeUnit.SECONDS), "the program did not end");
            var printed = new byte[100];
            SerialConsole.Chunk chunk = machine.console().read(0, printed, Duration.ZERO);
            return new Ended(
                    machine.state(),
                    new String(printed, 0, chunk.lengthBytes(), StandardCharsets.US_ASCII));
        }
    }

    /// Ends through the test device with the code in a0.
    private static final String FAIL =
            """
            fail: slli a0, a0, 16
                  li   t0, 0x3333
                  or   a0, a0, t0
                  li   t1, 0x100000
                  sw   a0, 0(t1)
                  j    .+0
            """;

    @Test
    void theTestDeviceEndsAProgramWithItsCode() throws InterruptedException {
        String pass = "li t0, 0x5555\n li t1, 0x100000\n sw t0, 0(t1)\n j .+0\n";
        assertEquals(new PowerState.Off(), run(program(pass), 1).state());
        assertEquals(new PowerState.Failed(42), run(program("li a0, 42\n" + FAIL), 1).state());
    }

    @Test
    void aProgramStartsInMachineModeAndItsCallsTrapToItself() throws InterruptedException {
        // mstatus can be read only in M-mode; ecall from S-mode arrives at mtvec, not at an SBI.
        // pmpaddr0 and pmpcfg0 open all memory to S-mode.
        String text =
                """
                      csrr t0, mstatus
                      li   t0, -1
                      csrw 0x3b0, t0
                      li   t0, 31
                      csrw 0x3a0, t0
                      la   t1, trap
                      csrw mtvec, t1
                      li   t0, 0x800
                      csrw mstatus, t0
                      la   t1, supervisor
                      csrw mepc, t1
                      mret
                supervisor: ecall
                      j    .+0
                .align 2
                trap: csrr a0, mcause
                """
                        + FAIL;
        assertEquals(new PowerState.Failed(9), run(program(text), 1).state());
    }

    @Test
    void everyHartStartsAtTheEntryWithItsId() throws InterruptedException {
        // Each hart adds 1 << id to a word; hart 0 waits for all and ends with it.
        String text =
                """
                      li   t0, 0x80001000
                      li   t1, 1
                      sll  t1, t1, a0
                      amoadd.w zero, t1, (t0)
                      bnez a0, .+0
                wait: lw   a0, 0(t0)
                      li   t1, 15
                      bne  a0, t1, wait
                """
                        + FAIL;
        assertEquals(new PowerState.Failed(15), run(program(text), 4).state());
    }

    @Test
    void aProgramMayEndAndPrintThroughTheWordForTheHost() throws InterruptedException {
        String text =
                """
                      li   t0, 0x80001000
                      li   t1, 0x0101000000000048
                      sd   t1, 0(t0)
                wait: ld   t2, 0(t0)
                      bnez t2, wait
                      li   t1, 85
                      sd   t1, 0(t0)
                      j    .+0
                """;
        Ended ended = run(program(text).symbol("tohost", TOHOST), 1);
        assertEquals(new PowerState.Failed(42), ended.state());
        assertEquals("H", ended.printed());
        String pass = "li t0, 0x80001000\n li t1, 1\n sd t1, 0(t0)\n j .+0\n";
        assertEquals(new PowerState.Off(), run(program(pass).symbol("tohost", TOHOST), 1).state());
    }
}
