package weft.vmhost.machine;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/// A guest of 40 instructions that counts without pause while its timer interrupts it every
/// millisecond. It prints a dot for each 16 interrupts, switches off after 400, and fails with code
/// 7 if `time` ever goes backwards.
///
/// ```
/// start: stvec = trap; s0 = s1 = 0; s4 = time; stimecmp = s4 + 10000; sie.STIE, sstatus.SIE
/// work:  s0 += 1; j work
/// trap:  if time < s4: fail 7; s4 = time; s1 += 1; if s1 % 16 == 0: print '.'
///        if s1 == 400: s0 != 0 ? power off : fail 7; stimecmp = time + 10000; sret
/// ```
public final class TimerGuest {
    /// Dots it prints in its life.
    public static final int DOTS = 25;

    private static final int[] CODE = {
        0x00000297, 0x04428293, 0x10529073, 0x10000937, 0x001009b7, 0x00000413, 0x00000493,
        0xc0102a73, 0x00002337, 0x7103031b, 0x006a0333, 0x14d31073, 0x02000393, 0x1043a073,
        0x10016073, 0x00140413, 0xffdff06f, 0xc0102373, 0x05436663, 0x00030a13, 0x00148493,
        0x00f4f393, 0x00039663, 0x02e00e13, 0x01c90023, 0x19000393, 0x00748c63, 0x000023b7,
        0x7103839b, 0x00730333, 0x14d31073, 0x10200073, 0x00040a63, 0x00005e37, 0x555e0e1b,
        0x01c9a023, 0x0000006f, 0x00073e37, 0x333e0e1b, 0x01c9a023, 0x0000006f,
    };

    private TimerGuest() {}

    /// A machine that boots it.
    public static MachineSpec spec(String name) {
        byte[] kernel = KernelLoaderTest.image(4096, 4096);
        ByteBuffer image = ByteBuffer.wrap(kernel).order(ByteOrder.LITTLE_ENDIAN);
        // j +64: over the header.
        image.putInt(0, 0x0400_006f);
        for (int i = 0; i < CODE.length; i++) {
            image.putInt(64 + 4 * i, CODE[i]);
        }
        var boot = new MachineSpec.BootImage(kernel, new byte[0], "");
        return new MachineSpec(name, 32L << 20, 1, boot, List.of(), List.of());
    }
}
