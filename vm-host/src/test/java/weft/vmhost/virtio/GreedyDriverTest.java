package weft.vmhost.virtio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import weft.fabric.MacAddress;
import weft.vmhost.device.TestLine;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.net.CompletingPort;
import weft.vmhost.virtio.net.VirtioNet;
import weft.vswitch.port.SwitchPort;

/// A driver that has the next request ready whenever one is answered gets all of them answered, but
/// the device loop does other things in between.
class GreedyDriverTest {
    private static final long RAM = DriverSide.RAM;
    private static final int TRANSMIT = 1;
    private static final int QUEUE_SIZE = 8;
    private static final int FRAMES = 1000;
    private static final int FRAME_BYTES = 60;

    private final GuestMemory memory = new GuestMemory(RAM, 4 << 20);
    private final DriverSide.HandLoop loop = new DriverSide.HandLoop();
    private final VirtioNet nic = new VirtioNet(MacAddress.parse("52:54:00:12:34:56"), 1500);
    private final VirtioMmio transport =
            new VirtioMmio(
                    "virtio0", VirtioForm.MODERN, memory, new TestLine(), this::execute, nic);
    private final DriverSide driver = new DriverSide(memory, transport, QUEUE_SIZE);
    private int frames;
    private int framesInTask;
    private int framesInTaskMax;

    private void execute(Runnable task) {
        loop.execute(() -> {
            framesInTask = 0;
            task.run();
        });
    }

    @AfterEach
    void free() {
        memory.close();
    }

    /// Another hart of the guest sees each frame leave, and has one more sent.
    private SwitchPort cable() {
        return new CompletingPort() {
            @Override
            public void transmit(byte[] frame, int offset, int lengthBytes) {
                framesInTaskMax = Math.max(framesInTaskMax, ++framesInTask);
                if (++frames < FRAMES) {
                    // Head 0 is in every place of the ring; and nobody notifies.
                    memory.store16(DriverSide.availableRing(TRANSMIT) + 2, frames + 1);
                }
            }
        };
    }

    @Test
    void oneServingTakesNoMoreThanTheQueueHolds() {
        driver.begin(0, 3);
        nic.plug(cable());
        driver.descriptor(TRANSMIT, 0, RAM, 12 + FRAME_BYTES, 0, 0);
        driver.offer(TRANSMIT, 0);
        loop.runAll();

        assertEquals(QUEUE_SIZE, framesInTaskMax);
        assertEquals(FRAMES, frames);
        assertEquals(FRAMES, driver.usedIndex(TRANSMIT));
        assertFalse(driver.needsReset());
    }
}
