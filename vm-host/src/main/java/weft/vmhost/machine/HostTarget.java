package weft.vmhost.machine;

import weft.vmhost.device.SerialConsole;
import weft.vmhost.device.TestDevice;
import weft.vmhost.memory.GuestMemory;

import java.time.Duration;

/// The host's end of HTIF (riscv-isa-sim, "htif"): a doubleword in RAM, `tohost`, through which
/// test programs end and print. Looked at from the device loop, so that stores to it cost what any
/// store costs; a program that prints waits a look for each character.
///
/// `tohost`: 63..56 device · 55..48 command · 47..0 payload. Device 0 with an odd payload ends the
/// program with the code `payload >> 1`; device 1, command 1 prints a character.
final class HostTarget {
    /// Between two looks: a thousand characters a second.
    static final Duration PERIOD = Duration.ofMillis(1);

    private static final int CONSOLE = 1;
    private static final int PRINT = 1;

    private final GuestMemory memory;
    private final Addresses addresses;
    private final SerialConsole console;
    private final TestDevice.Finisher finisher;

    /// Where the program has the two words.
    ///
    /// @param fromHost 0 if it has none
    record Addresses(long toHost, long fromHost) {
        void requireInRam(long memoryBytes) {
            requireInRam("tohost", toHost, memoryBytes);
            if (fromHost != 0) {
                requireInRam("fromhost", fromHost, memoryBytes);
            }
        }

        private static void requireInRam(String name, long address, long memoryBytes) {
            if (address < MemoryLayout.RAM
                    || address > MemoryLayout.RAM + memoryBytes - 8
                    || (address & 7) != 0) {
                throw new BootRefused(
                        "program has '%s' at 0x%x: it must be in RAM and aligned to 8 bytes"
                                .formatted(name, address));
            }
        }
    }

    HostTarget(
            GuestMemory memory,
            Addresses addresses,
            SerialConsole console,
            TestDevice.Finisher finisher) {
        this.memory = memory;
        this.addresses = addresses;
        this.console = console;
        this.finisher = finisher;
    }

    /// Does what the program asks for, if it does.
    void look() {
        if (!isHere(addresses.toHost()) || !isHere(addresses.fromHost())) {
            return;
        }
        long asked = memory.load64(addresses.toHost());
        if (asked == 0) {
            return;
        }
        int device = (int) (asked >>> 56);
        int command = (int) (asked >>> 48) & 0xff;
        if (device == 0 && command == 0 && (asked & 1) != 0) {
            end((asked & 0xffff_ffff_ffffL) >>> 1);
        } else if (device == CONSOLE && command == PRINT) {
            console.print((int) asked & 0xff);
        }
        memory.store64(addresses.toHost(), 0);
        if (addresses.fromHost() != 0 && device == CONSOLE) {
            memory.store64(addresses.fromHost(), (long) device << 56 | (long) command << 48);
        }
    }

    /// The device loop does not wait for a page that has yet to come, but looks again.
    private boolean isHere(long address) {
        memory.ask(address, 8);
        return memory.isPresent(address, 8);
    }

    private void end(long code) {
        if (code == 0) {
            finisher.powerOff();
        } else {
            finisher.fail((int) Math.min(code, 0xffff));
        }
    }
}
