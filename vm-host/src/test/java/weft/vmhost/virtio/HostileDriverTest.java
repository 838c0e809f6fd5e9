package weft.vmhost.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import weft.fixtures.MemoryVolume;
import weft.vmhost.device.TestLine;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.block.VirtioBlock;

import java.util.Random;

/// Whatever a driver writes, the device asks for a reset or answers with an error, and works again
/// after the reset.
class HostileDriverTest {
    private static final long RAM = DriverSide.RAM;
    private static final long RAM_BYTES = 4 << 20;
    private static final long END = RAM + RAM_BYTES;

    private final GuestMemory memory = new GuestMemory(RAM, RAM_BYTES);
    private final DriverSide.HandLoop loop = new DriverSide.HandLoop();
    private final TestLine line = new TestLine();
    private final MemoryVolume volume = new MemoryVolume(1 << 20, false);
    private final VirtioMmio transport =
            new VirtioMmio(
                    "virtio0",
                    VirtioForm.MODERN,
                    memory,
                    line,
                    loop,
                    new VirtioBlock(volume, "disk", (_, _) -> {}, (_, _) -> () -> {}));
    private final DriverSide driver = new DriverSide(memory, transport, 8);

    @AfterEach
    void free() {
        memory.close();
    }

    private void assertBreachThenHealthy() {
        loop.runAll();
        assertTrue(driver.needsReset(), "NEEDS_RESET");
        assertTrue(line.isHigh(), "configuration change interrupt");
        assertEquals(0, driver.usedIndex(0), "nothing was answered");
        driver.begin(0, 1);
        flush();
        assertFalse(driver.needsReset());
        assertEquals(1, driver.usedIndex(0));
    }

    private void flush() {
        memory.store32(RAM, 4);
        driver.descriptor(0, 0, RAM, 16, DriverSide.NEXT, 1);
        driver.descriptor(0, 1, RAM + 64, 1, DriverSide.WRITE, 0);
        driver.offer(0, 0);
        loop.runAll();
    }

    @Test
    void aChainThatIsALoopIsABreach() {
        driver.begin(0, 1);
        driver.descriptor(0, 0, RAM, 16, DriverSide.NEXT, 1);
        driver.descriptor(0, 1, RAM, 16, DriverSide.NEXT, 0);
        driver.offer(0, 0);

        assertBreachThenHealthy();
    }

    @Test
    void aHeadOutsideOfTheTableIsABreach() {
        driver.begin(0, 1);
        driver.offer(0, 8);

        assertBreachThenHealthy();
    }

    @Test
    void aLinkOutsideOfTheTableIsABreach() {
        driver.begin(0, 1);
        driver.descriptor(0, 0, RAM, 16, DriverSide.NEXT, 0xffff);
        driver.offer(0, 0);

        assertBreachThenHealthy();
    }

    @Test
    void aRangeOutsideOfRamIsABreach() {
        long[][] ranges = {
            {END - 8, 16}, {END, 1}, {0, 16}, {RAM - 1, 16}, {-16, 16}, {RAM, 0xffff_ffffL},
        };
        for (long[] range : ranges) {
            driver.begin(0, 1);
            driver.descriptor(0, 0, range[0], range[1], DriverSide.NEXT, 1);
            driver.descriptor(0, 1, RAM + 64, 1, DriverSide.WRITE, 0);
            driver.offer(0, 0);

            assertBreachThenHealthy();
        }
    }

    @Test
    void anAvailableIndexFarAheadIsABreach() {
        driver.begin(0, 1);
        memory.store16(DriverSide.availableRing(0) + 2, 5000);
        driver.register(0x50, 0);

        assertBreachThenHealthy();
    }

    @Test
    void aReadableRangeBehindAWritableOneIsABreach() {
        driver.begin(0, 1);
        driver.descriptor(0, 0, RAM, 16, DriverSide.WRITE | DriverSide.NEXT, 1);
        driver.descriptor(0, 1, RAM, 16, 0, 0);
        driver.offer(0, 0);

        assertBreachThenHealthy();
    }

    @Test
    void indirectTablesMayNotNestNorBeOddNorHuge() {
        long table = RAM + 0x8000;
        long[][] tables = {
            {table, 32, DriverSide.INDIRECT},
            {table, 17, DriverSide.INDIRECT},
            {table, 0, DriverSide.INDIRECT},
            {table, 0xffff_fff0L, DriverSide.INDIRECT},
            {END - 16, 32, DriverSide.INDIRECT},
            {table, 32, DriverSide.INDIRECT | DriverSide.NEXT},
        };
        for (long[] indirect : tables) {
            driver.begin(VirtioMmio.FEATURE_INDIRECT, 1);
            driver.descriptorAt(table, 0, table, 32, DriverSide.INDIRECT, 0);
            driver.descriptor(0, 0, indirect[0], indirect[1], (int) indirect[2], 1);
            driver.offer(0, 0);

            assertBreachThenHealthy();
        }
    }

    @Test
    void aRequestWithoutHeaderOrStatusIsABreach() {
        driver.begin(0, 1);
        driver.descriptor(0, 0, RAM, 15, DriverSide.NEXT, 1);
        driver.descriptor(0, 1, RAM + 64, 1, DriverSide.WRITE, 0);
        driver.offer(0, 0);
        assertBreachThenHealthy();

        driver.begin(0, 1);
        driver.descriptor(0, 0, RAM, 16, 0, 0);
        driver.offer(0, 0);
        assertBreachThenHealthy();
    }

    @Test
    void queuesOutsideOfRamAreNeverReady() {
        driver.begin(0, 1);
        driver.register(0x44, 0);
        driver.place(0, END - 16, RAM, RAM + 0x1000);

        assertTrue(driver.needsReset());
        assertEquals(0, driver.register(0x44));
    }

    @Test
    void featuresThatWereNotOfferedAreRefused() {
        driver.begin(1L << 60, 1);

        assertEquals(0, driver.register(0x70) & DeviceStatus.FEATURES_OK);
        assertEquals(0, driver.register(0x70) & DeviceStatus.DRIVER_OK);
    }

    @Test
    void randomRingsHurtNobody() {
        long seed = Long.getLong("weft.seed", new Random().nextLong());
        System.out.println("randomRingsHurtNobody: -Dweft.seed=" + seed);
        var random = new Random(seed);
        for (int round = 0; round < 2000; round++) {
            driver.begin(VirtioMmio.FEATURE_INDIRECT, 1);
            for (int index = 0; index < 8; index++) {
                long address =
                        random.nextInt(4) == 0
                                ? random.nextLong()
                                : RAM + random.nextInt((int) RAM_BYTES);
                driver.descriptor(
                        0,
                        index,
                        address,
                        random.nextBoolean() ? 16L * random.nextInt(64) : random.nextInt(),
                        random.nextInt(8),
                        random.nextInt(9));
            }
            memory.store32(RAM, random.nextInt(16));
            for (int i = 0; i < 4; i++) {
                driver.offer(0, random.nextInt(9));
            }
            loop.runAll();
        }
        driver.begin(0, 1);
        flush();
        assertEquals(1, driver.usedIndex(0));
    }
}
