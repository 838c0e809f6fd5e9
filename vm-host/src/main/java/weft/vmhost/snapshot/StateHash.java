package weft.vmhost.snapshot;

import weft.vmhost.machine.Machine;
import weft.vmhost.memory.GuestMemory;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/// One number for all state of a paused machine: two deterministic machines that have come equally
/// far have the same, however they got there.
public final class StateHash {
    private StateHash() {}

    /// SHA-256, in hexadecimal, of what [MachineSnapshot#capture] gives, followed by each page of
    /// RAM that is not all zero (address 8, content 4096), in ascending order.
    public static String of(Machine machine) {
        MessageDigest digest = sha256();
        digest.update(MachineSnapshot.capture(machine));
        GuestMemory memory = machine.memory();
        var zero = new byte[GuestMemory.PAGE_BYTES];
        var page = new byte[GuestMemory.PAGE_BYTES];
        memory.touchedPages()
                .forEach(address -> {
                    memory.read(address, ByteBuffer.wrap(page));
                    if (!Arrays.equals(page, zero)) {
                        digest.update(ByteBuffer.allocate(8).putLong(0, address));
                        digest.update(page);
                    }
                });
        return HexFormat.of().formatHex(digest.digest());
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JVM has SHA-256", e);
        }
    }
}
