package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vmhost.interpreter.BareHart.A;
import static weft.vmhost.interpreter.BareHart.D;
import static weft.vmhost.interpreter.BareHart.R;
import static weft.vmhost.interpreter.BareHart.RAM;
import static weft.vmhost.interpreter.BareHart.U;
import static weft.vmhost.interpreter.BareHart.W;
import static weft.vmhost.interpreter.BareHart.X;

import org.junit.jupiter.api.Test;

import weft.vmhost.hart.Privilege;

import java.util.List;
import java.util.Map;

class PageFaultTest {
    private static final long PAGE = 0x4000_0000L;
    private static final long FREE = RAM + 0x10_0000;

    private static BareHart supervisor(String program) {
        return new BareHart(program).paged().enter(RAM, Privilege.SUPERVISOR);
    }

    @Test
    void aLoadFromNowhereNamesItsPcAndAddressAndChangesNoRegister() {
        try (BareHart it =
                supervisor(
                        """
                            li a0, 7
                            li a1, 0x40000010
                        fault:
                            ld a0, 8(a1)
                            li a0, 9
                        """)) {
            it.run();
            assertEquals(List.of(13L, it.label("fault"), 0x4000_0018L), it.machineTrap());
            assertEquals(7, it.x(10));
        }
    }

    @Test
    void aStoreToAReadOnlyPageFaultsEvenAfterALoadFromIt() {
        try (BareHart it =
                supervisor(
                        """
                            li a1, 0x40000000
                            ld a0, 0(a1)
                        fault:
                            sd a0, 0(a1)
                        """)) {
            it.map(PAGE, FREE, R | A | D).run();
            assertEquals(List.of(15L, it.label("fault"), PAGE), it.machineTrap());
        }
    }

    @Test
    void aFetchFromADataPageFaultsAtTheTarget() {
        try (BareHart it =
                supervisor(
                        """
                            li a1, 0x40000000
                            jr a1
                        """)) {
            it.map(PAGE, FREE, R | W | A | D).run();
            assertEquals(List.of(12L, PAGE, PAGE), it.machineTrap());
        }
    }

    @Test
    void aStoreAcrossPagesOfWhichTheSecondFaultsLeavesTheFirstAlone() {
        try (BareHart it =
                supervisor(
                        """
                            li a1, 0x40000ffc
                            li a0, -1
                        fault:
                            sd a0, 0(a1)
                        """)) {
            it.map(PAGE, FREE, R | W | A | D).run();
            assertEquals(List.of(15L, it.label("fault"), PAGE + 0x1000), it.machineTrap());
            assertEquals(0, it.memory.load64(FREE + 0xFF8));
        }
    }

    @Test
    void anInstructionWhoseSecondHalfIsMissingFaultsWithTheAddressOfThatHalf() {
        try (BareHart it =
                supervisor(
                        """
                            li a1, 0x40000ffe
                            jr a1
                        """)) {
            it.map(PAGE, FREE, R | X | A | D);
            it.memory.store16(FREE + 0xFFE, 0x0513); // the lower half of li a0, …
            it.run();
            assertEquals(List.of(12L, PAGE + 0xFFE, PAGE + 0x1000), it.machineTrap());
        }
    }

    @Test
    void anAddressThatIsNoSignExtensionFaults() {
        try (BareHart it =
                supervisor(
                        """
                            li a1, 0x0000008000000000
                        fault:
                            ld a0, 0(a1)
                        """)) {
            it.run();
            assertEquals(List.of(13L, it.label("fault"), 1L << 39), it.machineTrap());
        }
    }

    @Test
    void userModeSeesNoSupervisorPage() {
        try (BareHart it =
                supervisor(
                        """
                            ld a0, 0(a1)
                        """)) {
            it.map(RAM, RAM, R | X | U | A | D).map(PAGE, FREE, R | A | D);
            it.hart.setX(11, PAGE);
            it.enter(RAM, Privilege.USER).run();
            assertEquals(List.of(13L, RAM, PAGE), it.machineTrap());
        }
    }

    @Test
    void aDelegatedFaultGoesToSupervisorMode() {
        try (BareHart it =
                supervisor(
                        """
                        fault:
                            ld a0, 0(a1)
                        handler:
                            j exit
                        """)) {
            it.setCsrs(Map.of("medeleg", 1L << 13, "stvec", it.label("handler")));
            it.hart.setX(11, PAGE);
            it.run();
            assertEquals(13, it.csr("scause"));
            assertEquals(it.label("fault"), it.csr("sepc"));
            assertEquals(PAGE, it.csr("stval"));
            assertEquals(0, it.csr("mcause"));
        }
    }

    @Test
    void reservedEntriesFault() {
        long[] reserved = {
            1L << 54 | R | A | D, // a reserved bit
            1L << 63 | R | A | D, // N without the mark of 64 KiB
            3L << 61 | R | A | D, // the reserved memory type
            W | A | D, // writable, not readable
            0 // a pointer at the last level
        };
        for (long bits : reserved) {
            try (BareHart it = supervisor("ld a0, 0(a1)")) {
                it.map(PAGE, FREE, 0);
                long entry = it.entryAddress(PAGE, 0);
                it.memory.store64(entry, it.memory.load64(entry) | bits);
                it.hart.setX(11, PAGE);
                it.run();
                assertEquals(List.of(13L, RAM, PAGE), it.machineTrap(), Long.toHexString(bits));
            }
        }
    }

    @Test
    void aTableOutsideRamIsAnAccessFault() {
        try (BareHart it = supervisor("ld a0, 0(a1)")) {
            it.memory.store64(it.entryAddress(PAGE, 2), 0x1_0000_0000L >>> 12 << 10 | 1);
            it.hart.setX(11, PAGE);
            it.run();
            assertEquals(List.of(5L, RAM, PAGE), it.machineTrap());
        }
    }

    @Test
    void aPageOutsideRamIsAnAccessFault() {
        try (BareHart it = supervisor("sd a0, 0(a1)")) {
            it.map(PAGE, 0x7000_0000L, R | W | A | D);
            it.hart.setX(11, PAGE);
            it.run();
            assertEquals(List.of(7L, RAM, PAGE), it.machineTrap());
        }
    }
}
