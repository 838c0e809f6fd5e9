package weft.vmhost.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;

import org.junit.jupiter.api.Tag;

import weft.vmhost.device.SerialConsole;
import weft.vmhost.device.TestDevice;
import weft.vmhost.fuzz.MovedMemory;
import weft.vmhost.machine.HostTarget.Addresses;
import weft.vmhost.memory.GuestMemory;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// Whatever a program stores to `tohost`, wherever it has that word, and while its pages are still
/// elsewhere: the host does what was asked, once, and nothing else.
@Tag("fuzz")
class HostTargetFuzzTest {
    private static final int RAM_BYTES = 4 * GuestMemory.PAGE_BYTES;
    private static final int STEPS_MAX = 10_000;

    @FuzzTest(maxDuration = "10m")
    void look(FuzzedDataProvider data) throws InterruptedException {
        var addresses = new Addresses(address(data), data.consumeBoolean() ? 0 : address(data));
        if (isRefused(addresses.toHost())
                || addresses.fromHost() != 0 && isRefused(addresses.fromHost())) {
            assertThrows(BootRefused.class, () -> addresses.requireInRam(RAM_BYTES));
            return;
        }
        addresses.requireInRam(RAM_BYTES);
        try (var memory = new GuestMemory(MemoryLayout.RAM, RAM_BYTES)) {
            new Program(memory, addresses).run(data);
        }
    }

    private static long address(FuzzedDataProvider data) {
        return data.consumeInt(0, 15) == 0
                ? data.consumeLong()
                : MemoryLayout.RAM + 8L * data.consumeInt(0, RAM_BYTES / 8 - 1);
    }

    private static boolean isRefused(long address) {
        long offset = address - MemoryLayout.RAM;
        return offset < 0 || offset > RAM_BYTES - 8 || offset % 8 != 0;
    }

    /// What a program does, and what it is to see of it.
    private static final class Program implements TestDevice.Finisher {
        private final GuestMemory memory;
        private final MovedMemory pages;
        private final Addresses addresses;
        private final SerialConsole console = new SerialConsole();
        private final HostTarget target;
        private final List<String> ends = new ArrayList<>();
        private long printed;

        Program(GuestMemory memory, Addresses addresses) {
            this.memory = memory;
            this.addresses = addresses;
            pages = new MovedMemory(memory);
            target = new HostTarget(memory, addresses, console, this);
        }

        void run(FuzzedDataProvider data) throws InterruptedException {
            for (int step = 0; step < STEPS_MAX && data.remainingBytes() > 0; step++) {
                switch (data.consumeInt(0, 7)) {
                    case 0 -> store(data, addresses.fromHost());
                    case 1 -> pages.leave();
                    case 2 -> pages.come(data.consumeInt(0, 4));
                    case 3, 4 -> store(data, addresses.toHost());
                    case 5 -> pages.store(addresses.toHost(), 8, request(data));
                    default -> look();
                }
            }
            pages.comeAll();
            look();
            pages.store(addresses.toHost(), 8, 1L << 56 | 1L << 48 | '.');
            look();
            assertEquals(1, printed(printed - 1, "."), "a program that behaves is served");
        }

        /// In any piece of the word.
        private void store(FuzzedDataProvider data, long word) {
            int size = 1 << data.consumeInt(0, 3);
            if (word != 0) {
                pages.store(word + (data.consumeInt(0, 7) & -size), size, data.consumeLong());
            }
        }

        /// What a program would ask for, or nearly.
        private static long request(FuzzedDataProvider data) {
            long device = data.consumeInt(0, 2);
            long command = data.consumeInt(0, 2);
            return device << 56
                    | command << 48
                    | data.consumeLong(0, data.consumeBoolean() ? 0xff : (1L << 48) - 1);
        }

        private void look() throws InterruptedException {
            if (!isHere(addresses.toHost()) || !isHere(addresses.fromHost())) {
                target.look();
                assertNothingDone();
                return;
            }
            long asked = memory.load64(addresses.toHost());
            long answer = addresses.fromHost() == 0 ? 0 : memory.load64(addresses.fromHost());
            target.look();
            long device = asked >>> 56;
            long command = asked >>> 48 & 0xff;
            long payload = asked & (1L << 48) - 1;
            if (device == 0 && command == 0 && payload % 2 == 1) {
                long code = payload / 2;
                assertEquals(List.of(code == 0 ? "off" : "failed " + Math.min(code, 0xffff)), ends);
                ends.clear();
            } else if (device == 1 && command == 1) {
                String text = String.valueOf((char) (payload & 0xff));
                assertEquals(1, printed(printed, text), "printed");
                printed++;
            }
            assertNothingDone();
            if (device == 1) {
                answer = device << 56 | command << 48;
            }
            boolean apart = addresses.toHost() != addresses.fromHost();
            if (apart) {
                assertEquals(0, memory.load64(addresses.toHost()), "taken");
            }
            if (addresses.fromHost() != 0 && (apart || device == 1)) {
                assertEquals(answer, memory.load64(addresses.fromHost()), "answered");
            }
        }

        private void assertNothingDone() {
            assertEquals(List.of(), ends);
            assertEquals(printed, console.outputEnd());
        }

        /// How many bytes were printed from there on, if they are these.
        private int printed(long from, String text) throws InterruptedException {
            var bytes = new byte[16];
            SerialConsole.Chunk chunk = console.read(from, bytes, Duration.ZERO);
            for (int i = 0; i < text.length(); i++) {
                assertEquals(text.charAt(i), bytes[i] & 0xff);
            }
            return chunk.lengthBytes();
        }

        private boolean isHere(long address) {
            return memory.isPresent(address, 8);
        }

        @Override
        public void powerOff() {
            ends.add("off");
        }

        @Override
        public void reboot() {
            ends.add("reboot");
        }

        @Override
        public void fail(int code) {
            ends.add("failed " + code);
        }
    }
}
