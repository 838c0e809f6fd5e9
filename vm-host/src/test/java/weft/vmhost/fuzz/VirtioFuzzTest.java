package weft.vmhost.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;

import weft.fabric.MacAddress;
import weft.fixtures.MemoryVolume;
import weft.vmhost.device.SerialConsole;
import weft.vmhost.device.TestLine;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.DriverSide;
import weft.vmhost.virtio.VirtioDevice;
import weft.vmhost.virtio.VirtioForm;
import weft.vmhost.virtio.VirtioMmio;
import weft.vmhost.virtio.balloon.VirtioBalloon;
import weft.vmhost.virtio.block.VirtioBlock;
import weft.vmhost.virtio.console.VirtioConsole;
import weft.vmhost.virtio.net.VirtioNet;
import weft.vmhost.virtio.rng.VirtioEntropy;

import java.util.function.Function;

/// A driver whose every register, ring and descriptor is the fuzzer's: each device either answers
/// or asks for a reset, nothing is thrown, nothing runs on for ever.
class VirtioFuzzTest {
    private static final long RAM = DriverSide.RAM;
    private static final int RAM_BYTES = 1 << 20;

    /// Far more than a queue can hold: the loop of a device must come to an end.
    private static final int TASKS_MAX = 10_000;

    /// Where the queues of a driver that begins well are: descriptors, available, used.
    private static final long RINGS = RAM + 0x1_0000;

    private static final int QUEUE_BYTES = 0x3000;

    /// One run of a device against one input.
    private static final class Driven implements AutoCloseable {
        private final GuestMemory memory = new GuestMemory(RAM, RAM_BYTES);
        private final DriverSide.HandLoop loop = new DriverSide.HandLoop();
        private final SerialConsole console = new SerialConsole();
        private final FuzzedDataProvider data;
        private int tasks;

        Driven(FuzzedDataProvider data) {
            this.data = data;
        }

        void execute(Runnable task) {
            if (++tasks > TASKS_MAX) {
                throw new AssertionError("a driver keeps the device busy for ever");
            }
            loop.execute(task);
        }

        void drive(Function<Driven, VirtioDevice> maker) {
            VirtioForm form = data.pickValue(VirtioForm.values());
            var transport =
                    new VirtioMmio(
                            "fuzzed",
                            form,
                            memory,
                            new TestLine(),
                            this::execute,
                            maker.apply(this));
            while (data.remainingBytes() > 0) {
                step(transport);
            }
            loop.runAll();
            transport.reset();
            loop.runAll();
            assertEquals(0, transport.load(0x70, 4));
        }

        private void step(VirtioMmio transport) {
            switch (data.consumeInt(0, 7)) {
                case 0 -> begin(transport);
                case 1 -> transport.store(data.consumeInt(0, 0x47) * 4, 4, data.consumeInt());
                case 2 -> {
                    int size = 1 << data.consumeInt(0, 3);
                    int offset = data.consumeInt(0, 0xfff) & -size;
                    if (data.consumeBoolean()) {
                        transport.store(offset, size, data.consumeLong());
                    } else {
                        transport.load(offset, size);
                    }
                }
                case 3, 4 -> chain();
                case 5 -> {
                    byte[] typed = data.consumeBytes(64);
                    console.type(typed, 0, typed.length);
                }
                case 6 -> transport.store(0x50, 4, data.consumeInt(0, 4));
                default -> loop.runAll();
            }
        }

        private void begin(VirtioMmio transport) {
            transport.store(0x70, 4, 0);
            transport.store(0x70, 4, 3);
            transport.store(0x24, 4, 0);
            transport.store(0x20, 4, data.consumeInt() & transport.load(0x10, 4));
            transport.store(0x24, 4, 1);
            transport.store(0x20, 4, 1);
            transport.store(0x70, 4, 11);
            transport.store(0x28, 4, 4096);
            for (int queue = 0; queue < 4; queue++) {
                long at = RINGS + (long) queue * QUEUE_BYTES;
                memory.store32(at + 0x1000, 0);
                memory.store32(at + 0x2000, 0);
                transport.store(0x30, 4, queue);
                transport.store(0x38, 4, data.consumeBoolean() ? 8 : data.consumeInt());
                transport.store(0x3c, 4, 4096);
                transport.store(0x40, 4, at >>> 12);
                transport.store(0x80, 4, at);
                transport.store(0x90, 4, at + 0x1000);
                transport.store(0xa0, 4, data.consumeBoolean() ? at + 0x2000 : data.consumeInt());
                transport.store(0x44, 4, 1);
            }
            transport.store(0x70, 4, 15);
        }

        /// Some descriptors, what they point to, and one more head in the ring.
        private void chain() {
            int queue = data.consumeInt(0, 3);
            long rings = RINGS + (long) queue * QUEUE_BYTES;
            for (int count = data.consumeInt(0, 8); count > 0; count--) {
                long at = rings + 16L * data.consumeInt(0, 7);
                boolean wild = data.consumeInt(0, 15) == 0;
                long address = wild ? data.consumeLong() : RAM + data.consumeInt(0, RAM_BYTES);
                memory.store64(at, address);
                memory.store32(at + 8, wild ? data.consumeInt() : data.consumeInt(0, 8192));
                memory.store16(at + 12, data.consumeInt(0, 7));
                memory.store16(at + 14, data.consumeInt(0, 9));
                if (memory.contains(address, 16)) {
                    memory.store64(address, data.consumeLong());
                    memory.store64(address + 8, data.consumeLong(0, 1 << 12));
                }
            }
            int next = memory.load16(rings + 0x1002);
            memory.store16(rings + 0x1004 + 2 * (next & 7), data.consumeInt(0, 9));
            memory.store16(rings + 0x1002, next + data.consumeInt(0, 2));
        }

        @Override
        public void close() {
            memory.close();
        }
    }

    private static void fuzz(FuzzedDataProvider data, Function<Driven, VirtioDevice> maker) {
        try (var driven = new Driven(data)) {
            driven.drive(maker);
        }
    }

    @FuzzTest(maxDuration = "10m")
    void block(FuzzedDataProvider data) {
        fuzz(
                data,
                _ ->
                        new VirtioBlock(
                                new MemoryVolume(1 << 20, data.consumeBoolean()),
                                "disk",
                                (_, _) -> {},
                                (_, _) -> () -> {},
                                data.consumeInt(1, 4)));
    }

    @FuzzTest(maxDuration = "10m")
    void net(FuzzedDataProvider data) {
        var nic = new VirtioNet(MacAddress.parse("52:54:00:12:34:56"), 1500);
        fuzz(
                data,
                driven -> {
                    var frame = new byte[1514];
                    for (int frames = data.consumeInt(0, 3); frames > 0; frames--) {
                        int length = data.consumeInt(0, frame.length);
                        driven.execute(() -> nic.receive(frame, 0, length));
                    }
                    return nic;
                });
    }

    @FuzzTest(maxDuration = "10m")
    void console(FuzzedDataProvider data) {
        fuzz(data, driven -> new VirtioConsole(driven.console));
    }

    @FuzzTest(maxDuration = "10m")
    void entropy(FuzzedDataProvider data) {
        fuzz(data, _ -> new VirtioEntropy(_ -> {}, (_, _) -> () -> {}));
    }

    @FuzzTest(maxDuration = "10m")
    void balloon(FuzzedDataProvider data) {
        fuzz(data, driven -> new VirtioBalloon(driven.memory));
    }
}
