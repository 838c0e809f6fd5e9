package weft.vswitch.port;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import java.util.Arrays;
import java.util.Random;

class FrameRingTest {
    private static final int SIZE_MAX = SwitchPort.FRAME_BYTES_MAX;

    @Test
    @Timeout(60)
    void framesComeOutWholeAndInOrderWhileAnotherThreadPutsThemIn() throws Exception {
        int frameCount = 50_000;
        var ring = new FrameRing(FrameRing.CAPACITY_BYTES_MIN);
        Thread device =
                Thread.ofPlatform()
                        .start(() -> {
                            var random = new Random(7);
                            for (int i = 0; i < frameCount; i++) {
                                byte[] frame = frame(i, random);
                                while (!ring.offer(frame, 0, frame.length)) {
                                    Thread.onSpinWait();
                                }
                            }
                        });
        var random = new Random(7);
        for (int i = 0; i < frameCount; i++) {
            int length = ring.peek();
            while (length < 0) {
                Thread.onSpinWait();
                length = ring.peek();
            }
            byte[] expected = frame(i, random);
            assertEquals(expected.length, length);
            int from = ring.frameOffset();
            assertTrue(
                    Arrays.equals(expected, 0, length, ring.bytes(), from, from + length),
                    "frame " + i);
            ring.release();
        }
        device.join();
        assertTrue(ring.isEmpty());
    }

    private static byte[] frame(int number, Random random) {
        int length = random.nextInt(100) == 0 ? random.nextInt(SIZE_MAX + 1) : random.nextInt(1515);
        var frame = new byte[length];
        Arrays.fill(frame, (byte) number);
        return frame;
    }

    @Test
    void aFullRingRefusesAndTakesAgainAfterARelease() {
        var ring = new FrameRing(FrameRing.CAPACITY_BYTES_MIN);
        var frame = new byte[SIZE_MAX];
        int taken = 0;
        while (ring.offer(frame, 0, frame.length)) {
            taken++;
        }
        assertEquals(3, taken, "256 KiB hold three frames of 64 KiB and their lengths");
        assertEquals(SIZE_MAX, ring.peek());
        ring.release();
        assertTrue(ring.offer(frame, 0, frame.length));
        assertFalse(ring.offer(frame, 0, frame.length));
    }
}
