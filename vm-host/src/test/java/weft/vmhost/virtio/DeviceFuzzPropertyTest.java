package weft.vmhost.virtio;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import weft.fabric.MacAddress;
import weft.fixtures.MemoryVolume;
import weft.vmhost.device.SerialConsole;
import weft.vmhost.device.TestLine;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.balloon.VirtioBalloon;
import weft.vmhost.virtio.block.VirtioBlock;
import weft.vmhost.virtio.console.VirtioConsole;
import weft.vmhost.virtio.input.VirtioPowerButton;
import weft.vmhost.virtio.net.VirtioNet;
import weft.vmhost.virtio.rng.VirtioEntropy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;

/// A driver that writes anything anywhere: registers of every width, queues of every size and
/// place, chains with loops, ranges outside of RAM, rings in each other's way, resets and moves to
/// another machine in between. Nothing but NEEDS_RESET may come of it, and a driver that behaves
/// finds the device as new.
class DeviceFuzzPropertyTest {
    private static final long RAM = DriverSide.RAM;
    private static final int RAM_BYTES = 2 << 20;
    private static final int STEPS = 30_000;
    private static final int[] REGISTERS = {
        0x00, 0x10, 0x14, 0x20, 0x24, 0x28, 0x30, 0x34, 0x38, 0x3c, 0x40, 0x44, 0x50, 0x60, 0x64,
        0x70, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4, 0xfc, 0x100, 0x104, 0x108, 0x120,
    };

    /// Every kind of device.
    enum Kind {
        BLOCK,
        NET,
        ENTROPY,
        CONSOLE,
        BALLOON,
        POWER_BUTTON
    }

    private final long seed = Long.getLong("weft.seed", new Random().nextLong());
    private final Random random = new Random(seed);
    private final GuestMemory memory = new GuestMemory(RAM, RAM_BYTES);
    private final DriverSide.HandLoop loop = new DriverSide.HandLoop();
    private final SerialConsole terminal = new SerialConsole();

    /// How often the device was seen to have answered in its first queue.
    private int answered;

    private Optional<VirtioNet> nic = Optional.empty();
    private Optional<VirtioPowerButton> button = Optional.empty();

    private VirtioDevice device(Kind kind) {
        return switch (kind) {
            case BLOCK ->
                    new VirtioBlock(
                            new MemoryVolume(1 << 20, false),
                            "disk",
                            (_, _) -> {},
                            (_, _) -> () -> {},
                            3);
            case NET -> {
                var made = new VirtioNet(MacAddress.parse("52:54:00:12:34:56"), 1500);
                nic = Optional.of(made);
                yield made;
            }
            case ENTROPY ->
                    new VirtioEntropy(
                            random::nextBytes,
                            (_, task) -> {
                                loop.execute(task);
                                return () -> {};
                            });
            case CONSOLE -> new VirtioConsole(terminal);
            case BALLOON -> new VirtioBalloon(memory);
            case POWER_BUTTON -> {
                var made = new VirtioPowerButton();
                button = Optional.of(made);
                yield made;
            }
        };
    }

    private VirtioMmio transport(Kind kind, VirtioForm form) {
        return new VirtioMmio("virtio0", form, memory, new TestLine(), loop, device(kind));
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void whateverADriverWritesHurtsNobody(Kind kind) throws IOException {
        System.out.println("whateverADriverWritesHurtsNobody: -Dweft.seed=" + seed);
        for (VirtioForm form : VirtioForm.values()) {
            VirtioMmio transport = transport(kind, form);
            for (int step = 0; step < STEPS; step++) {
                step(transport);
                if (random.nextInt(1000) == 0) {
                    transport = moved(transport, kind, form);
                }
            }
            assertTrue(answered > 5, "the device answered " + answered + " times only");
            answered = 0;
            transport.reset();
            loop.runAll();
            assertEquals(0, transport.load(0x70, 4));
            behaves(transport, form);
        }
        memory.close();
    }

    private void step(VirtioMmio transport) {
        switch (random.nextInt(12)) {
            case 0 -> transport.store(register(), 4, value());
            case 1, 2 -> chains();
            case 3 -> {
                if (random.nextInt(20) != 0) {
                    break;
                }
                int size = 1 << random.nextInt(4);
                transport.store(random.nextInt(0x1000) & -size, size, value());
            }
            case 4 -> {
                int size = 1 << random.nextInt(4);
                long read = transport.load(random.nextInt(0x1000) & -size, size);
                assertEquals(0, size == 8 ? 0 : read >>> 8 * size, "as wide as the access");
            }
            case 5 -> {
                if (random.nextBoolean()) {
                    begin(transport);
                }
            }
            case 6 -> chains();
            case 7 -> {
                if (random.nextInt(50) == 0) {
                    memory.store16(ring(random.nextInt(3)) + 2, random.nextInt(1 << 16));
                }
            }
            case 8 -> nic.ifPresent(it -> it.receive(new byte[2000], 0, random.nextInt(1600)));
            case 9 -> {
                button.ifPresent(VirtioPowerButton::press);
                terminal.type(new byte[300], 0, random.nextInt(300));
            }
            case 10 -> transport.store(0x50, 4, random.nextInt(5));
            default -> {
                loop.runAll();
                answered += memory.load16(descriptors(0) + 4096 + 2) != 0 ? 1 : 0;
            }
        }
    }

    private int register() {
        return REGISTERS[random.nextInt(REGISTERS.length)];
    }

    private long value() {
        return switch (random.nextInt(5)) {
            case 0 -> random.nextInt(16);
            case 1 -> 1L << random.nextInt(32);
            case 2 -> RAM + random.nextInt(RAM_BYTES);
            case 3 -> RAM + random.nextInt(RAM_BYTES) >>> 12;
            default -> random.nextLong();
        };
    }

    private static long descriptors(int queue) {
        return RAM + 0x1_0000 + 0x4000L * queue;
    }

    private static long ring(int queue) {
        return descriptors(queue) + 16 * 8;
    }

    /// As a driver would, with some of it wrong now and then.
    private void begin(VirtioMmio transport) {
        int[][] writes = {{0x70, 0}, {0x70, 3}, {0x24, 0}, {0x20, random.nextInt()}, {0x24, 1}};
        for (int[] write : writes) {
            transport.store(write[0], 4, write[1]);
        }
        transport.store(0x14, 4, 0);
        long offered = transport.load(0x10, 4);
        transport.store(0x24, 4, 0);
        // All that is offered, or a part of it: most parts of a NIC's lack what others need, and
        // such a driver is refused before it has a queue.
        transport.store(0x20, 4, offered & (random.nextBoolean() ? -1 : random.nextInt()));
        transport.store(0x24, 4, 1);
        transport.store(0x20, 4, 1);
        transport.store(0x70, 4, 11);
        for (int queue = 0; queue < 3; queue++) {
            // From its beginning, or nearly every ring would be ahead of itself and never be
            // walked.
            memory.store16(ring(queue) + 2, 0);
            memory.store16(descriptors(queue) + 4096 + 2, 0);
            transport.store(0x30, 4, queue);
            transport.store(0x38, 4, random.nextInt(8) == 0 ? value() : 8);
            transport.store(0x28, 4, 4096);
            transport.store(0x3c, 4, 4096);
            if (transport.load(4, 4) == 1) {
                transport.store(0x40, 4, descriptors(queue) >>> 12);
                continue;
            }
            transport.store(0x80, 4, descriptors(queue));
            transport.store(0x84, 4, 0);
            transport.store(0x90, 4, ring(queue));
            transport.store(0x94, 4, 0);
            transport.store(0xa0, 4, descriptors(queue) + 4096);
            transport.store(0xa4, 4, 0);
            transport.store(0x44, 4, 1);
        }
        transport.store(0x70, 4, 15);
    }

    private void chains() {
        int queue = random.nextInt(3);
        for (int index = 0; index < 8; index++) {
            long at = descriptors(queue) + 16L * index;
            long address = random.nextInt(20) == 0 ? value() : RAM + random.nextInt(RAM_BYTES);
            memory.store64(at, address);
            memory.store32(at + 8, random.nextInt(20) == 0 ? random.nextInt() : sizes());
            memory.store16(at + 12, random.nextInt(8) == 0 ? random.nextInt(8) : index < 4 ? 1 : 2);
            memory.store16(at + 14, random.nextInt(4) == 0 ? random.nextInt(9) : index + 1);
            memory.store32(RAM + random.nextInt(RAM_BYTES - 8), random.nextInt(16));
        }
        int waiting = memory.load16(ring(queue) + 2);
        memory.store16(ring(queue) + 4 + 2 * (waiting & 7), random.nextInt(9));
        memory.store16(ring(queue) + 2, waiting + 1);
    }

    private int sizes() {
        int[] usual = {1, 2, 7, 12, 16, 20, 32, 512, 4096};
        return usual[random.nextInt(usual.length)];
    }

    /// The state comes out, goes into another device and comes out the same; a damaged one is
    /// refused or taken, and hurts nobody either.
    private VirtioMmio moved(VirtioMmio from, Kind kind, VirtioForm form) throws IOException {
        from.pause();
        loop.runAll();
        byte[] state = captured(from);
        VirtioMmio damaged = transport(kind, form);
        byte[] wrong = state.clone();
        wrong[random.nextInt(wrong.length)] ^= (byte) (1 << random.nextInt(8));
        try {
            damaged.restore(input(Arrays.copyOf(wrong, wrong.length - random.nextInt(2))));
            damaged.resume();
            loop.runAll();
        } catch (IOException e) {
            // Refused: the device is thrown away.
        }
        VirtioMmio to = transport(kind, form);
        to.restore(input(state));
        assertArrayEquals(state, captured(to));
        to.resume();
        return to;
    }

    private static byte[] captured(VirtioMmio transport) throws IOException {
        transport.pause();
        var bytes = new ByteArrayOutputStream();
        transport.capture(new DataOutputStream(bytes));
        return bytes.toByteArray();
    }

    private static DataInputStream input(byte[] bytes) {
        return new DataInputStream(new ByteArrayInputStream(bytes));
    }

    private void behaves(VirtioMmio transport, VirtioForm form) {
        var driver = new DriverSide(memory, transport, 8);
        if (form == VirtioForm.MODERN) {
            driver.begin(0, 2);
            loop.runAll();
            assertEquals(15, driver.register(0x70));
        }
        assertFalse(driver.needsReset());
    }
}
