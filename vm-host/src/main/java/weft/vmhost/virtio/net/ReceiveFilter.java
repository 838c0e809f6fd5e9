package weft.vmhost.virtio.net;

import weft.fabric.MacAddress;

import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;

/// Which frames the guest wants to see (virtio 1.2, 5.1.6.5.1 and 5.1.6.5.2), as the control queue
/// has set it; all, until it does. Immutable.
final class ReceiveFilter {
    /// Addresses that are kept; a longer list means "all", which is always right.
    static final int ADDRESSES_MAX = 64;

    private static final int TOO_MANY = 255;
    private static final long BROADCAST = 0xffff_ffff_ffffL;
    private static final long GROUP_BIT = 1L << 40;
    private static final long[] NO_ADDRESSES = {};

    private final MacAddress station;
    private final long stationBits;
    private final boolean promiscuous;
    private final boolean allMulticast;

    /// More are wanted than are kept.
    private final boolean tooMany;

    private final long[] more;

    private ReceiveFilter(
            MacAddress station,
            boolean promiscuous,
            boolean allMulticast,
            boolean tooMany,
            long[] more) {
        this.station = station;
        stationBits = station.bits();
        this.promiscuous = promiscuous;
        this.allMulticast = allMulticast;
        this.tooMany = tooMany;
        this.more = more;
    }

    /// As after a reset.
    static ReceiveFilter all(MacAddress station) {
        return new ReceiveFilter(station, true, false, false, NO_ADDRESSES);
    }

    /// The address that the guest has taken.
    MacAddress station() {
        return station;
    }

    /// @param destination the frame's first six bytes
    boolean accepts(long destination) {
        if (promiscuous
                || tooMany
                || destination == stationBits
                || destination == BROADCAST
                || allMulticast && (destination & GROUP_BIT) != 0) {
            return true;
        }
        for (long address : more) {
            if (address == destination) {
                return true;
            }
        }
        return false;
    }

    ReceiveFilter withPromiscuous(boolean wanted) {
        return new ReceiveFilter(station, wanted, allMulticast, tooMany, more);
    }

    ReceiveFilter withAllMulticast(boolean wanted) {
        return new ReceiveFilter(station, promiscuous, wanted, tooMany, more);
    }

    ReceiveFilter withStation(MacAddress taken) {
        return new ReceiveFilter(taken, promiscuous, allMulticast, tooMany, more);
    }

    /// @param addresses of stations and groups, whose frames are wanted as well; not changed later
    ReceiveFilter withMore(long[] addresses) {
        assert addresses.length <= ADDRESSES_MAX;
        return new ReceiveFilter(station, promiscuous, allMulticast, false, addresses);
    }

    ReceiveFilter withTooMany() {
        return new ReceiveFilter(station, promiscuous, allMulticast, true, NO_ADDRESSES);
    }

    /// station 8 · promiscuous 1 · all multicast 1 · count 1 (255: too many to keep) · addresses 8
    /// each.
    void capture(DataOutput out) throws IOException {
        out.writeLong(stationBits);
        out.writeBoolean(promiscuous);
        out.writeBoolean(allMulticast);
        out.writeByte(tooMany ? TOO_MANY : more.length);
        for (long address : more) {
            out.writeLong(address);
        }
    }

    static ReceiveFilter restore(DataInput in) throws IOException {
        long station = in.readLong();
        boolean promiscuous = in.readBoolean();
        boolean allMulticast = in.readBoolean();
        int count = in.readUnsignedByte();
        boolean tooMany = count == TOO_MANY;
        if (!tooMany && count > ADDRESSES_MAX || station >>> 48 != 0) {
            throw new IOException(
                    "receive filter of 0x%x with %d addresses".formatted(station, count));
        }
        var more = new long[tooMany ? 0 : count];
        for (int i = 0; i < more.length; i++) {
            more[i] = in.readLong();
        }
        return new ReceiveFilter(new MacAddress(station), promiscuous, allMulticast, tooMany, more);
    }
}
