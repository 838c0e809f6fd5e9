package weft.vmhost.fuzz;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;

import weft.vmhost.device.Aclint;
import weft.vmhost.device.DeviceState;
import weft.vmhost.device.GoldfishRtc;
import weft.vmhost.device.Plic;
import weft.vmhost.device.SerialConsole;
import weft.vmhost.device.TestDevice;
import weft.vmhost.device.TestLine;
import weft.vmhost.device.Uart16550;
import weft.vmhost.memory.MmioDevice;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.List;

/// Any accesses to the registers of the devices that are not virtio: answers as wide as the access,
/// no exception, and a state that another device takes over as it is.
class DeviceRegistersFuzzTest {
    private static void access(FuzzedDataProvider data, MmioDevice device, long sizeBytes) {
        while (data.remainingBytes() > 0) {
            int size = 1 << data.consumeInt(0, 3);
            int offset = (int) data.consumeLong(0, sizeBytes - 1) & -size;
            if (data.consumeBoolean()) {
                device.store(offset, size, data.consumeLong());
            } else {
                long read = device.load(offset, size);
                assertEquals(0, size == 8 ? 0 : read >>> 8 * size, "as wide as the access");
            }
        }
    }

    private static void move(DeviceState from, DeviceState to) throws IOException {
        byte[] state = captured(from);
        to.restore(new DataInputStream(new ByteArrayInputStream(state)));
        assertArrayEquals(state, captured(to));
    }

    private static byte[] captured(DeviceState device) throws IOException {
        var bytes = new ByteArrayOutputStream();
        device.capture(new DataOutputStream(bytes));
        return bytes.toByteArray();
    }

    @FuzzTest(maxDuration = "10m")
    void uart(FuzzedDataProvider data) throws IOException {
        var console = new SerialConsole();
        byte[] typed = data.consumeBytes(40);
        console.type(typed, 0, typed.length);
        var uart = new Uart16550(new TestLine(), console);
        access(data, uart, Uart16550.SIZE_BYTES);
        move(uart, new Uart16550(new TestLine(), new SerialConsole()));
    }

    private static Plic plic() {
        return new Plic(List.of(new TestLine(), new TestLine(), new TestLine(), new TestLine()));
    }

    @FuzzTest(maxDuration = "10m")
    void plic(FuzzedDataProvider data) throws IOException {
        Plic plic = plic();
        for (int lines = data.consumeInt(0, 8); lines > 0; lines--) {
            plic.source(data.consumeInt(1, Plic.SOURCE_MAX)).drive(data.consumeBoolean());
        }
        access(data, plic, Plic.SIZE_BYTES);
        move(plic, plic());
    }

    private static Aclint aclint() {
        return new Aclint(
                () -> 7, List.of(new TestLine(), new TestLine()), List.of(_ -> {}, _ -> {}));
    }

    @FuzzTest(maxDuration = "10m")
    void aclint(FuzzedDataProvider data) throws IOException {
        Aclint aclint = aclint();
        access(data, aclint, Aclint.SIZE_BYTES);
        move(aclint, aclint());
    }

    private static GoldfishRtc rtc() {
        return new GoldfishRtc(new TestLine(), (_, _) -> () -> {}, () -> 5);
    }

    @FuzzTest(maxDuration = "10m")
    void rtc(FuzzedDataProvider data) throws IOException {
        GoldfishRtc rtc = rtc();
        access(data, rtc, GoldfishRtc.SIZE_BYTES);
        move(rtc, rtc());
    }

    @FuzzTest(maxDuration = "10m")
    void testDevice(FuzzedDataProvider data) {
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
        access(data, new TestDevice(finisher), TestDevice.SIZE_BYTES);
    }
}
