package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vmhost.interpreter.BareHart.A;
import static weft.vmhost.interpreter.BareHart.D;
import static weft.vmhost.interpreter.BareHart.R;
import static weft.vmhost.interpreter.BareHart.RAM;
import static weft.vmhost.interpreter.BareHart.W;

import org.junit.jupiter.api.Test;

import weft.vmhost.hart.Privilege;
import weft.vmhost.hart.RemoteFence;
import weft.vmhost.memory.WriteOnlyDevice;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

class SelfModifyingCodeTest {
    private static final int LI_A0_2 = 0x0020_0513;

    /// Runs `patched` once, patches it, fences, runs it again: by whatever address the store goes.
    private static final String PATCH =
            """
                call patched
                sw a2, 0(a1)
                fence.i
                call patched
                j exit
                .align 6
            patched:
                li a0, 1
                ret
            """;

    @Test
    void afterAFenceTheNewInstructionRuns() {
        try (BareHart it = new BareHart(PATCH)) {
            it.hart.setX(11, it.label("patched"));
            it.hart.setX(12, LI_A0_2);
            it.run();
            assertEquals(2, it.x(10));
        }
    }

    @Test
    void alsoWhenThePageIsWrittenByAnotherAddress() {
        long alias = 0x4000_0000L;
        try (BareHart it = new BareHart(PATCH).paged().map(alias, RAM, R | W | A | D)) {
            it.hart.setX(11, alias + it.label("patched") - RAM);
            it.hart.setX(12, LI_A0_2);
            it.enter(RAM, Privilege.SUPERVISOR).run();
            assertEquals(2, it.x(10));
        }
    }

    /// The write tag is there before the page is first decoded.
    @Test
    void alsoWhenThePageWasWrittenBeforeItFirstRan() {
        try (BareHart it = new BareHart("sd zero, 0(a3)\n" + PATCH)) {
            it.hart.setX(11, it.label("patched"));
            it.hart.setX(12, LI_A0_2);
            it.hart.setX(13, RAM + 0xF00);
            it.run();
            assertEquals(2, it.x(10));
        }
    }

    @Test
    void alsoManyTimesOver() {
        try (BareHart it =
                new BareHart(
                        """
                        loop:
                            sw a2, 0(a1)
                            fence.i
                            call patched
                            add a4, a4, a0
                            xor a2, a2, a3
                            addi a5, a5, -1
                            bnez a5, loop
                            j exit
                            .align 6
                        patched:
                            li a0, 0
                            ret
                        """)) {
            it.hart.setX(11, it.label("patched"));
            it.hart.setX(12, 0x0010_0513); // li a0, 1
            it.hart.setX(13, 0x0010_0513 ^ LI_A0_2);
            it.hart.setX(15, 1000);
            it.run();
            assertEquals(1500, it.x(14));
        }
    }

    @Test
    void aDevicesWriteShowsAfterAFence() {
        try (BareHart it =
                new BareHart(
                        """
                            call patched
                            sw zero, 0(a1)
                            fence.i
                            call patched
                            j exit
                            .align 6
                        patched:
                            li a0, 1
                            ret
                        """)) {
            long patched = it.label("patched");
            ByteBuffer patch = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
            patch.putInt(0, LI_A0_2);
            it.bus.attach(
                    0x20_0000,
                    0x1000,
                    new WriteOnlyDevice(() -> it.memory.write(patched, patch.rewind())));
            it.hart.setX(11, 0x20_0000);
            it.run();
            assertEquals(2, it.x(10));
        }
    }

    @Test
    void aRemoteFenceShowsWhatOthersWrote() {
        try (BareHart it = new BareHart("li a0, 1")) {
            it.run();
            it.memory.store32(RAM, LI_A0_2);
            RemoteFence.INSTRUCTIONS.on(List.of(it.hart));
            it.hart.setPc(RAM);
            it.run();
            assertEquals(2, it.x(10));
        }
    }
}
