package weft.vmhost.fuzz;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;

import weft.fabric.MacAddress;
import weft.fixtures.MemoryVolume;
import weft.vmhost.device.SerialConsole;
import weft.vmhost.fuzz.FuzzedDriver.Request;
import weft.vmhost.fuzz.FuzzedDriver.Subject;
import weft.vmhost.memory.GuestMemory;
import weft.vmhost.virtio.VirtioDevice;
import weft.vmhost.virtio.balloon.VirtioBalloon;
import weft.vmhost.virtio.block.VirtioBlock;
import weft.vmhost.virtio.console.VirtioConsole;
import weft.vmhost.virtio.input.VirtioPowerButton;
import weft.vmhost.virtio.net.CompletingPort;
import weft.vmhost.virtio.net.VirtioNet;
import weft.vmhost.virtio.rng.VirtioEntropy;
import weft.volume.VolumeException;
import weft.vswitch.port.SwitchPort;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Each virtio device against a [FuzzedDriver].
@Tag("fuzz")
class VirtioFuzzTest {
    private static void fuzz(FuzzedDataProvider data, Subject subject) throws IOException {
        try (var driver = new FuzzedDriver(data, subject)) {
            driver.drive();
        }
    }

    /// A device with nothing on its other side, and requests that are bytes and room.
    private abstract static class Plain implements Subject {
        @Override
        public Request request(FuzzedDataProvider data, int queue) {
            byte[] readable = data.consumeBytes(data.consumeBoolean() ? 64 : 0);
            return new Request(readable, data.consumeInt(0, 3) == 0 ? 0 : data.consumeInt(0, 5000));
        }

        @Override
        public void happen(FuzzedDataProvider data) {}

        @Override
        public void settle() {}

        @Override
        public int goodQueue() {
            return 0;
        }

        @Override
        public Request goodRequest() {
            return new Request(new byte[0], 100);
        }
    }

    @FuzzTest(maxDuration = "10m")
    void block(FuzzedDataProvider data) throws IOException {
        fuzz(data, new Disk(data));
    }

    private static final class Disk extends Plain {
        private static final int[] TYPES = {0, 1, 4, 8, 11, 13, 2, 16};
        private static final int SECTORS = 128;

        private final MemoryVolume disk;
        private final int atHandBytes;
        private final int queues;

        Disk(FuzzedDataProvider data) {
            disk = new MemoryVolume(SECTORS * 512, data.consumeInt(0, 7) == 0);
            atHandBytes = data.consumeBoolean() ? -1 : data.consumeInt(0, 4096);
            queues = data.consumeInt(1, 4);
        }

        @Override
        public VirtioDevice make(FuzzedDriver driver) {
            var volume = new FuzzedVolume(disk, driver::calledOut, atHandBytes);
            return new VirtioBlock(volume, "disk", (_, _) -> {}, driver.timers(), queues);
        }

        @Override
        public Request request(FuzzedDataProvider data, int queue) {
            int type = data.pickValue(TYPES);
            long sector = data.consumeInt(0, 7) == 0 ? data.consumeLong() : data.consumeInt(0, 130);
            int sectors = data.consumeInt(0, 4);
            int odd = data.consumeInt(0, 7) == 0 ? data.consumeInt(0, 600) : 0;
            int read = type == 1 ? 512 * sectors : type == 11 || type == 13 ? 16 : 0;
            int write = type == 0 ? 512 * sectors : type == 8 ? 20 : 0;
            ByteBuffer bytes = ByteBuffer.allocate(16 + read + odd).order(ByteOrder.LITTLE_ENDIAN);
            bytes.putInt(type).putInt(0).putLong(sector);
            if (type == 11 || type == 13) {
                bytes.putLong(data.consumeInt(0, 130))
                        .putInt(sectors)
                        .putInt(data.consumeInt(0, 2));
            } else {
                bytes.put(data.consumeBytes(Math.min(64, bytes.remaining())));
            }
            return new Request(bytes.array(), write + 1);
        }

        @Override
        public void happen(FuzzedDataProvider data) {
            switch (data.consumeInt(0, 3)) {
                case 0 -> disk.hold();
                case 1 -> disk.release();
                case 2 -> disk.failWith(data.pickValue(VolumeException.Reason.values()));
                default -> disk.failWith(null);
            }
        }

        @Override
        public void settle() {
            disk.failWith(null);
            disk.release();
        }

        @Override
        public Request goodRequest() {
            return new Request(new byte[16], 513);
        }
    }

    @FuzzTest(maxDuration = "10m")
    void net(FuzzedDataProvider data) throws IOException {
        fuzz(data, new Nic());
    }

    private static final class Nic extends Plain {
        private final byte[] frame = new byte[2000];
        private @Nullable FuzzedDriver driver;
        private @Nullable VirtioNet nic;

        @Override
        public VirtioDevice make(FuzzedDriver driver) {
            this.driver = driver;
            nic = new VirtioNet(MacAddress.parse("52:54:00:12:34:56"), 1500);
            return nic;
        }

        @Override
        public Request request(FuzzedDataProvider data, int queue) {
            return switch (queue) {
                case 0 -> new Request(new byte[0], data.consumeInt(0, 2000));
                case 1 -> new Request(FuzzedPackets.any(data), 0);
                default -> new Request(FuzzedPackets.command(data), data.consumeInt(0, 2));
            };
        }

        @Override
        public void happen(FuzzedDataProvider data) {
            VirtioNet plugged = nic;
            if (plugged == null) {
                return;
            }
            switch (data.consumeInt(0, 7)) {
                case 0 -> plugged.plug(null);
                case 1, 2 -> plugged.plug(cable());
                case 3 -> plugged.announce();
                default -> {
                    byte[] begin = data.consumeBytes(6);
                    System.arraycopy(begin, 0, frame, 0, begin.length);
                    plugged.receive(frame, 0, data.consumeInt(0, frame.length));
                }
            }
        }

        private SwitchPort cable() {
            return new CompletingPort() {
                @Override
                public void transmit(byte[] frame, int offset, int lengthBytes) {
                    if (lengthBytes < 14 || lengthBytes > 1518 || offset < 0) {
                        throw new AssertionError("a frame of " + lengthBytes);
                    }
                    if (driver != null) {
                        driver.calledOut();
                    }
                }
            };
        }

        @Override
        public int goodQueue() {
            return 2;
        }

        @Override
        public Request goodRequest() {
            return new Request(new byte[] {0, 0, 1}, 1);
        }
    }

    @FuzzTest(maxDuration = "10m")
    void console(FuzzedDataProvider data) throws IOException {
        var terminal = new SerialConsole();
        fuzz(
                data,
                new Plain() {
                    @Override
                    public VirtioDevice make(FuzzedDriver driver) {
                        return new VirtioConsole(terminal);
                    }

                    @Override
                    public void happen(FuzzedDataProvider more) {
                        byte[] typed = more.consumeBytes(64);
                        terminal.type(typed, 0, typed.length);
                    }

                    @Override
                    public int goodQueue() {
                        return 1;
                    }
                });
    }

    @FuzzTest(maxDuration = "10m")
    void entropy(FuzzedDataProvider data) throws IOException {
        fuzz(
                data,
                new Plain() {
                    @Override
                    public VirtioDevice make(FuzzedDriver driver) {
                        return new VirtioEntropy(_ -> driver.calledOut(), driver.timers());
                    }
                });
    }

    @FuzzTest(maxDuration = "10m")
    void powerButton(FuzzedDataProvider data) throws IOException {
        fuzz(data, new Button());
    }

    private static final class Button extends Plain {
        private @Nullable VirtioPowerButton button;

        @Override
        public VirtioDevice make(FuzzedDriver driver) {
            button = new VirtioPowerButton();
            return button;
        }

        @Override
        public void happen(FuzzedDataProvider data) {
            if (button != null) {
                button.press();
            }
        }

        @Override
        public int goodQueue() {
            return 1;
        }
    }

    @FuzzTest(maxDuration = "10m")
    void balloon(FuzzedDataProvider data) throws IOException {
        fuzz(data, new Balloon());
    }

    private static final class Balloon extends Plain {
        private @Nullable VirtioBalloon balloon;

        @Override
        public VirtioDevice make(FuzzedDriver driver) {
            balloon = new VirtioBalloon(driver.memory);
            return balloon;
        }

        /// Names of pages, of which some are the guest's.
        @Override
        public Request request(FuzzedDataProvider data, int queue) {
            int count =
                    data.consumeInt(0, 7) == 0 ? data.consumeInt(0, 5000) : data.consumeInt(0, 5);
            ByteBuffer names = ByteBuffer.allocate(4 * count).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < Math.min(count, 5); i++) {
                names.putInt(
                        data.consumeBoolean()
                                ? (int) (FuzzedDriver.RAM >>> GuestMemory.PAGE_SHIFT)
                                        + data.consumeInt(0, 300)
                                : data.consumeInt());
            }
            return new Request(names.array(), data.consumeInt(0, 3) == 0 ? 4 : 0);
        }

        @Override
        public void happen(FuzzedDataProvider data) {
            if (balloon != null) {
                balloon.setTarget(data.consumeLong());
                balloon.givenBytes();
            }
        }

        @Override
        public Request goodRequest() {
            return new Request(new byte[4], 0);
        }
    }
}
