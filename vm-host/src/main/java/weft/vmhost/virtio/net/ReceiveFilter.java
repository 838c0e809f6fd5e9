package weft.vmhost.virtio.net;

import weft.fabric.MacAddress;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.HashSet;
import java.util.Set;

/// Which frames the guest wants to see (virtio 1.2, 5.1.6.5.1 and 5.1.6.5.2), as the control queue
/// has set it; all, until it does.
///
/// @param station the address that the guest has taken
/// @param promiscuous all frames
/// @param allMulticast all frames to groups
/// @param more addresses, of stations and groups, whose frames are wanted as well
record ReceiveFilter(
        MacAddress station, boolean promiscuous, boolean allMulticast, Set<Long> more) {
    /// Addresses that are kept; a longer list means "all", which is always right.
    static final int ADDRESSES_MAX = 64;

    private static final long BROADCAST = 0xffff_ffff_ffffL;
    private static final long GROUP_BIT = 1L << 40;

    ReceiveFilter {
        more = Set.copyOf(more);
    }

    /// As after a reset.
    static ReceiveFilter all(MacAddress station) {
        return new ReceiveFilter(station, true, false, Set.of());
    }

    /// Looks at the destination, the frame's first six bytes.
    boolean accepts(byte[] frame, int offset) {
        if (promiscuous) {
            return true;
        }
        long destination = 0;
        for (int i = 0; i < 6; i++) {
            destination = destination << 8 | frame[offset + i] & 0xff;
        }
        return destination == station.bits()
                || destination == BROADCAST
                || allMulticast && (destination & GROUP_BIT) != 0
                || more.contains(destination);
    }

    ReceiveFilter withPromiscuous(boolean wanted) {
        return new ReceiveFilter(station, wanted, allMulticast, more);
    }

    ReceiveFilter withAllMulticast(boolean wanted) {
        return new ReceiveFilter(station, promiscuous, wanted, more);
    }

    ReceiveFilter withStation(MacAddress taken) {
        return new ReceiveFilter(taken, promiscuous, allMulticast, more);
    }

    ReceiveFilter withMore(Set<Long> addresses) {
        return new ReceiveFilter(station, promiscuous, allMulticast, addresses);
    }

    /// station 8 · promiscuous 1 · all multicast 1 · count 1 · addresses 8 each.
    void capture(DataOutput out) throws IOException {
        out.writeLong(station.bits());
        out.writeBoolean(promiscuous);
        out.writeBoolean(allMulticast);
        out.writeByte(more.size());
        for (long address : more) {
            out.writeLong(address);
        }
    }

    static ReceiveFilter restore(DataInput in) throws IOException {
        long station = in.readLong();
        boolean promiscuous = in.readBoolean();
        boolean allMulticast = in.readBoolean();
        int count = in.readUnsignedByte();
        if (count > ADDRESSES_MAX || station >>> 48 != 0) {
            throw new IOException(
                    "receive filter of 0x%x with %d addresses".formatted(station, count));
        }
        Set<Long> more = new HashSet<>();
        for (int i = 0; i < count; i++) {
            more.add(in.readLong());
        }
        return new ReceiveFilter(new MacAddress(station), promiscuous, allMulticast, more);
    }
}
