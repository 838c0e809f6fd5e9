package weft.ops.system;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// A guest of 31 instructions that counts for ever, in RAM and in a register at once, and sleeps 10
/// ms after each step. It prints `B` when it boots, then the letters from `b` to `p` and `a` again
/// and again; `!` if RAM and register ever differ, which also switches it off: then one of both was
/// left behind, or a test wants it to end.
///
/// ```
/// start: s3 = UART; s2 = a page behind the code; *s2 = s1 = 0; print 'B'; sie = STIE
/// loop:  if *s2 != s1: print '!' and power off; *s2 = s1 = s1 + 1; print 'a' + s1 % 16
///        stimecmp = time + 102400; wfi until then; j loop
/// ```
final class CountingGuest {
    private static final int IMAGE_BYTES = 4096;
    private static final int HEADER_BYTES = 64;

    private static final int[] CODE = {
        0x100009b7, 0x00001917, 0x00093023, 0x00000493, 0x04200293, 0x00598023, 0x02000293,
        0x10429073, 0x00093303, 0x02931c63, 0x00148493, 0x00993023, 0x00f4f393, 0x06138393,
        0x00798023, 0xc0102e73, 0x00019eb7, 0x01de0e33, 0x14de1073, 0x10500073, 0xc0102f73,
        0xffcf6ce3, 0xfc9ff06f, 0x02100293, 0x00598023, 0x001002b7, 0x00005337, 0x55530313,
        0x0062a023, 0x10500073, 0xffdff06f,
    };

    /// Where in RAM it counts, when it was loaded as a kernel.
    static final long COUNT_ADDRESS = 0x8020_0000L + HEADER_BYTES + 4 + 4096;

    private CountingGuest() {}

    /// It as a kernel `Image`.
    static byte[] kernel() {
        ByteBuffer image = ByteBuffer.allocate(IMAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        // j +64: over the header.
        image.putInt(0, 0x0400_006f)
                .putLong(8, 0x20_0000)
                .putLong(16, IMAGE_BYTES)
                .putInt(56, 0x0543_5352);
        for (int i = 0; i < CODE.length; i++) {
            image.putInt(HEADER_BYTES + 4 * i, CODE[i]);
        }
        return image.array();
    }
}
