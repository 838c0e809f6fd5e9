package weft.vmhost.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

import weft.vmhost.memory.MmioDevice;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Random;
import java.util.function.LongConsumer;

/// Any access to any register of the devices that are not virtio: an answer as wide as the access,
/// no exception, and a state that another device takes over as it is.
class RegisterFuzzPropertyTest {
    private static final int STEPS = 100_000;

    private final long seed = Long.getLong("weft.seed", new Random().nextLong());
    private final Random random = new Random(seed);

    private void fuzz(MmioDevice device, long sizeBytes) {
        System.out.println(device.getClass().getSimpleName() + ": -Dweft.seed=" + seed);
        for (int step = 0; step < STEPS; step++) {
            int size = 1 << random.nextInt(4);
            long reach = random.nextBoolean() ? Math.min(0x40, sizeBytes) : sizeBytes;
            int offset = (int) random.nextLong(reach) & -size;
            if (random.nextBoolean()) {
                long value = random.nextBoolean() ? random.nextInt(256) : random.nextLong();
                device.store(offset, size, value);
            } else {
                long read = device.load(offset, size);
                assertEquals(0, size == 8 ? 0 : read >>> 8 * size, "as wide as the access");
            }
        }
    }

    private static void assertMoves(DeviceState from, DeviceState to) throws IOException {
        byte[] state = captured(from);
        to.restore(new DataInputStream(new ByteArrayInputStream(state)));
        assertArrayEquals(state, captured(to));
    }

    private static byte[] captured(DeviceState device) throws IOException {
        var bytes = new ByteArrayOutputStream();
        device.capture(new DataOutputStream(bytes));
        return bytes.toByteArray();
    }

    @Test
    void theInterruptControllerTakesAnyAccess() throws IOException {
        List<InterruptLine> lines = List.of(new TestLine(), new TestLine(), new TestLine());
        var plic = new Plic(lines);
        for (int round = 0; round < 10; round++) {
            plic.source(1 + random.nextInt(Plic.SOURCE_MAX)).drive(random.nextBoolean());
            fuzz(plic, Plic.SIZE_BYTES);
        }
        assertMoves(plic, new Plic(lines));
    }

    private static Aclint aclint() {
        LongConsumer timer = _ -> {};
        return new Aclint(() -> 7, List.of(new TestLine(), new TestLine()), List.of(timer, timer));
    }

    @Test
    void theLocalInterruptorTakesAnyAccess() throws IOException {
        Aclint aclint = aclint();
        fuzz(aclint, Aclint.SIZE_BYTES);
        assertMoves(aclint, aclint());
    }

    @Test
    void theSerialPortTakesAnyAccess() throws IOException {
        var uart = new Uart16550(new TestLine(), new SerialConsole());
        fuzz(uart, Uart16550.SIZE_BYTES);
        assertMoves(uart, new Uart16550(new TestLine(), new SerialConsole()));
    }

    @Test
    void theClockTakesAnyAccess() {
        fuzz(new GoldfishRtc(new TestLine(), (_, _) -> () -> {}, () -> 5), GoldfishRtc.SIZE_BYTES);
    }

    @Test
    void testDeviceAndRomTakeAnyAccess() {
        var finisher =
                new TestDevice.Finisher() {
                    @Override
                    public void powerOff() {}

                    @Override
                    public void reboot() {}

                    @Override
                    public void fail(int code) {
                        assertEquals(0, code >>> 16);
                    }
                };
        fuzz(new TestDevice(finisher), TestDevice.SIZE_BYTES);
        var rom = new BootRom();
        rom.burn(new byte[100]);
        fuzz(rom, BootRom.SIZE_BYTES);
    }
}
