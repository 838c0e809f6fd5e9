package weft.vmhost.virtio.net;

import org.jspecify.annotations.Nullable;

import weft.fabric.MacAddress;
import weft.vmhost.virtio.DescriptorChain;
import weft.vmhost.virtio.VirtioBreach;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/// What the driver asks of the NIC through the control queue (virtio 1.2, 5.1.6.5).
///
/// ```
/// readable: class 1 · command 1 · arguments     writable: acknowledgement 1
/// class 0 receive mode: command 0 promiscuous, 1 all multicast; on 1
/// class 1 address: command 0 table (stations: count 4, address 6 each; groups: the same); 1 own 6
/// class 3 announce: command 0 heard
/// ```
sealed interface ControlCommand {
    /// All frames, or not.
    record Promiscuous(boolean on) implements ControlCommand {}

    /// All frames to groups, or not.
    record AllMulticast(boolean on) implements ControlCommand {}

    /// Frames to these as well.
    ///
    /// @param addresses empty if there are none; null if there are more than are kept
    record AddressTable(long @Nullable [] addresses) implements ControlCommand {}

    /// The guest has taken this address.
    record Station(MacAddress address) implements ControlCommand {}

    /// The guest has announced itself.
    record Announced() implements ControlCommand {}

    /// Malformed, or nothing this NIC does.
    record Refused() implements ControlCommand {}

    /// Reads a command.
    ///
    /// @throws VirtioBreach if there is no header, or no room for the acknowledgement
    static ControlCommand parse(DescriptorChain chain) {
        ByteBuffer header = ByteBuffer.allocate(2);
        if (!chain.read(header) || chain.writableBytes() < 1) {
            throw new VirtioBreach("control command without header or acknowledgement");
        }
        int command = header.get(1);
        return switch (header.get(0)) {
            case 0 -> parseMode(chain, command);
            case 1 -> command == 0 ? parseTable(chain) : parseStation(chain, command);
            case 3 -> command == 0 ? new Announced() : new Refused();
            default -> new Refused();
        };
    }

    private static ControlCommand parseMode(DescriptorChain chain, int command) {
        ByteBuffer on = ByteBuffer.allocate(1);
        if (command > 1 || !chain.read(on)) {
            return new Refused();
        }
        return command == 0 ? new Promiscuous(on.get(0) != 0) : new AllMulticast(on.get(0) != 0);
    }

    private static ControlCommand parseStation(DescriptorChain chain, int command) {
        ByteBuffer address = ByteBuffer.allocate(6);
        if (command != 1 || !chain.read(address)) {
            return new Refused();
        }
        var station = new MacAddress(bits(address));
        return station.isUnicast() ? new Station(station) : new Refused();
    }

    private static ControlCommand parseTable(DescriptorChain chain) {
        var addresses = new long[2 * ReceiveFilter.ADDRESSES_MAX];
        int known = 0;
        ByteBuffer word = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer address = ByteBuffer.allocate(6);
        for (int list = 0; list < 2; list++) {
            if (!chain.read(word.clear())) {
                return new Refused();
            }
            long count = word.getInt(0) & 0xffff_ffffL;
            if (count > ReceiveFilter.ADDRESSES_MAX) {
                return new AddressTable(null);
            }
            for (int i = 0; i < count; i++) {
                if (!chain.read(address.clear())) {
                    return new Refused();
                }
                addresses[known++] = bits(address);
            }
        }
        return new AddressTable(
                known <= ReceiveFilter.ADDRESSES_MAX ? Arrays.copyOf(addresses, known) : null);
    }

    private static long bits(ByteBuffer address) {
        long bits = 0;
        for (int i = 0; i < 6; i++) {
            bits = bits << 8 | address.get(i) & 0xff;
        }
        return bits;
    }
}
