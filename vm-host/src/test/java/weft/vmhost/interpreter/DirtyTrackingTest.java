package weft.vmhost.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static weft.vmhost.interpreter.BareHart.RAM;

import org.junit.jupiter.api.Test;

import weft.vmhost.memory.DirtyPages;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

class DirtyTrackingTest {
    private static final long PAGE = RAM + 0x10_0000;

    @Test
    void aStoreAfterADrainIsInTheNextOneThoughTheTlbKnowsThePage() {
        try (BareHart it = new BareHart("sd a0, 0(a1)\n sd a0, 8(a1)")) {
            it.hart.setX(11, PAGE);
            it.memory.startDirtyTracking();
            for (int round = 0; round < 3; round++) {
                it.hart.setPc(RAM);
                it.run();
                DirtyPages dirty = it.memory.drainDirty();
                assertTrue(dirty.contains(PAGE));
                assertEquals(1, dirty.count());
            }
            assertTrue(it.memory.drainDirty().isEmpty());
        }
    }

    @Test
    void whateverARunningHartStoresIsInThisDrainOrTheNext() throws Exception {
        try (BareHart it =
                new BareHart(
                        """
                        loop:
                            addi a0, a0, 1
                            sd a0, 0(a1)
                            j loop
                        """)) {
            it.hart.setX(11, PAGE);
            it.memory.startDirtyTracking();
            Thread thread = Thread.ofPlatform().start(it::run);
            long copied = 0;
            for (int round = 0; round < 200 || copied == 0; round++) {
                if (it.memory.drainDirty().contains(PAGE)) {
                    copied = it.memory.load64(PAGE);
                }
            }
            it.hart.requestStop();
            thread.join();
            if (it.memory.drainDirty().contains(PAGE)) {
                copied = it.memory.load64(PAGE);
            }
            assertEquals(it.memory.load64(PAGE), copied);
        }
    }

    @Test
    void atomicsFloatsAndPageCrossersAreStoresToo() {
        for (String store :
                List.of(
                        "amoswap.w zero, a0, (a1)",
                        "lr.w a0, (a1)\n sc.w a0, a0, (a1)",
                        "fsd f0, 0(a1)",
                        "sd a0, 4(a1)")) {
            try (BareHart it = new BareHart(store)) {
                it.hart.setX(11, PAGE + 0xFF8);
                it.memory.startDirtyTracking();
                it.run();
                DirtyPages dirty = it.memory.drainDirty();
                assertTrue(dirty.contains(PAGE), store);
                assertEquals(store.startsWith("sd"), dirty.contains(PAGE + 0x1000), store);
            }
        }
    }

    @Test
    void aDevicesWriteIsTracked() {
        try (BareHart it = new BareHart("nop")) {
            it.memory.startDirtyTracking();
            it.memory.write(PAGE + 0xFFE, ByteBuffer.allocate(4));
            var pages = new ArrayList<Long>();
            it.memory.drainDirty().forEach(pages::add);
            assertEquals(List.of(PAGE, PAGE + 0x1000), pages);
        }
    }

    @Test
    void pagesNobodyWroteAreNotTouched() {
        try (BareHart it = new BareHart("ld a0, 0(a2)\n sd a0, 0(a1)")) {
            it.hart.setX(11, PAGE);
            it.hart.setX(12, PAGE + 0x5000);
            it.run();
            DirtyPages touched = it.memory.touchedPages();
            assertTrue(touched.contains(RAM));
            assertTrue(touched.contains(PAGE));
            assertEquals(2, touched.count());
        }
    }
}
