package weft.vmhost.fuzz;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;

import org.junit.jupiter.api.Tag;

import weft.vmhost.device.Aclint;
import weft.vmhost.device.DeviceState;
import weft.vmhost.device.DeviceTimers;
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
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;

/// Any accesses to the registers of the devices that are not virtio, and what the world does in
/// between: answers as wide as the access, no exception, and a state that another device takes over
/// as it is.
@Tag("fuzz")
class DeviceRegistersFuzzTest {
    private static final int SOURCES_TOUCHED = 40;

    /// What happens to the device from outside: lines, typing, time.
    private interface Event {
        void happen(FuzzedDataProvider data);
    }

    /// @param registers where something is; a few accesses go anywhere else
    private static void access(
            FuzzedDataProvider data,
            MmioDevice device,
            long sizeBytes,
            int[] registers,
            Event event) {
        while (data.remainingBytes() > 0) {
            int kind = data.consumeInt(0, 7);
            if (kind == 0) {
                event.happen(data);
                continue;
            }
            int size = 1 << data.consumeInt(0, 3);
            int place = kind == 1 ? -1 : data.consumeInt(0, registers.length - 1);
            int offset =
                    (place < 0 ? (int) data.consumeLong(0, sizeBytes - 1) : registers[place])
                            & -size;
            if ((kind & 1) != 0) {
                device.store(
                        offset,
                        size,
                        data.consumeBoolean() ? data.consumeInt(0, 255) : data.consumeLong());
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
        var line = new TestLine();
        var uart = new Uart16550(line, console);
        int[] registers = {0, 1, 2, 3, 4, 5, 6, 7};
        access(
                data,
                uart,
                Uart16550.SIZE_BYTES,
                registers,
                more -> {
                    byte[] typed = more.consumeBytes(40);
                    console.type(typed, 0, typed.length);
                });
        var other = new TestLine();
        var moved = new Uart16550(other, new SerialConsole());
        move(uart, moved);
        assertEquals(line.isHigh(), other.isHigh(), "the line moves as well");
        // The line is high exactly when IIR names an interrupt.
        assertEquals(other.isHigh(), (moved.load(2, 1) & 1) == 0);
    }

    private static List<TestLine> lines() {
        return List.of(new TestLine(), new TestLine(), new TestLine(), new TestLine());
    }

    private static int[] plicRegisters() {
        List<Integer> registers = new ArrayList<>();
        for (int source = 0; source < SOURCES_TOUCHED; source++) {
            registers.add(4 * source);
        }
        for (int word = 0; word < 4; word++) {
            registers.add(0x1000 + 4 * word);
        }
        for (int context = 0; context < 5; context++) {
            registers.add(0x2000 + 0x80 * context);
            registers.add(0x2004 + 0x80 * context);
            registers.add(0x20_0000 + 0x1000 * context);
            registers.add(0x20_0004 + 0x1000 * context);
        }
        return registers.stream().mapToInt(Integer::intValue).toArray();
    }

    @FuzzTest(maxDuration = "10m")
    void plic(FuzzedDataProvider data) throws IOException {
        List<TestLine> lines = lines();
        var plic = new Plic(List.copyOf(lines));
        access(
                data,
                plic,
                Plic.SIZE_BYTES,
                plicRegisters(),
                more ->
                        plic.source(more.consumeInt(1, SOURCES_TOUCHED))
                                .drive(more.consumeBoolean()));
        List<TestLine> others = lines();
        var moved = new Plic(List.copyOf(others));
        move(plic, moved);
        for (int context = 0; context < lines.size(); context++) {
            assertEquals(lines.get(context).isHigh(), others.get(context).isHigh(), "context");
        }
        plic.reset();
        assertTrue(lines.stream().noneMatch(TestLine::isHigh), "priorities are 0 after a reset");
    }

    private static Aclint aclint(long[] time) {
        return new Aclint(
                () -> time[0], List.of(new TestLine(), new TestLine()), List.of(_ -> {}, _ -> {}));
    }

    @FuzzTest(maxDuration = "10m")
    void aclint(FuzzedDataProvider data) throws IOException {
        long[] time = {7};
        Aclint aclint = aclint(time);
        int[] registers = {0, 4, 8, 0x4000, 0x4004, 0x4008, 0x400c, 0x4010, 0xbff8, 0xbffc};
        access(data, aclint, Aclint.SIZE_BYTES, registers, more -> time[0] = more.consumeLong());
        move(aclint, aclint(time));
    }

    @FuzzTest(maxDuration = "10m")
    void rtc(FuzzedDataProvider data) throws IOException {
        long[] time = {5};
        Queue<Runnable> alarms = new ArrayDeque<>();
        var rtc = new GoldfishRtc(new TestLine(), timers(alarms), () -> time[0]);
        int[] registers = {0, 4, 8, 0xc, 0x10, 0x14, 0x18, 0x1c};
        access(
                data,
                rtc,
                GoldfishRtc.SIZE_BYTES,
                registers,
                more -> {
                    time[0] += more.consumeLong(0, 1L << 53);
                    switch (more.consumeInt(0, 5)) {
                        case 0 -> rtc.rearm();
                        case 1 -> rtc.disarm();
                        case 2 -> rtc.setTime(more.consumeLong());
                        default -> {
                            // Late or early, once each: an alarm that sets itself anew waits.
                            for (int left = alarms.size(); left > 0; left--) {
                                Runnable alarm = alarms.poll();
                                if (alarm != null) {
                                    alarm.run();
                                }
                            }
                        }
                    }
                    assertTrue(alarms.size() <= 1, "one alarm at a time");
                });
        move(rtc, new GoldfishRtc(new TestLine(), timers(new ArrayDeque<>()), () -> time[0]));
    }

    private static DeviceTimers timers(Queue<Runnable> alarms) {
        return (delayNanos, task) -> {
            assertTrue(delayNanos > 0, "an alarm that is due goes off at once");
            alarms.add(task);
            return () -> alarms.remove(task);
        };
    }

    @FuzzTest(maxDuration = "10m")
    void testDevice(FuzzedDataProvider data) {
        int[] told = {0};
        var finisher =
                new TestDevice.Finisher() {
                    @Override
                    public void powerOff() {
                        told[0]++;
                    }

                    @Override
                    public void reboot() {
                        told[0]++;
                    }

                    @Override
                    public void fail(int code) {
                        told[0]++;
                        assertEquals(0, code >>> 16);
                    }
                };
        var device = new TestDevice(finisher);
        access(
                data,
                device,
                TestDevice.SIZE_BYTES,
                new int[] {0},
                more -> {
                    int before = told[0];
                    device.store(0, 4, 0x5555 + 0x1111L * more.consumeInt(-2, 2));
                    assertTrue(told[0] <= before + 1);
                });
    }
}
