package weft.vswitch.underlay;

import org.jspecify.annotations.Nullable;

import weft.runtime.Owned;
import weft.vswitch.linux.SystemCalls;
import weft.vswitch.packet.OffloadHeader;
import weft.vswitch.packet.VxlanHeader;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.BindException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/// The UDP socket of a VTEP, never blocking. Outer UDP checksums are the kernel's business.
///
/// What belongs together crosses into the kernel together: frames of one super-frame leave in one
/// call (UDP_SEGMENT), and datagrams that the kernel has put together (UDP_GRO) are taken in one.
/// Budget: a call and no copy of ours for each that leaves; a call and a copy, from the kernel's
/// view of memory to the heap, for each lot that comes.
///
/// The source port is the socket's own, not a hash of the inner headers: RFC 7348, section 5
/// recommends the hash for load balancing in the underlay, and asks nobody to rely on it.
@Owned("the switch's loop")
public final class UdpUnderlay implements Underlay, AutoCloseable {
    /// Room for about 1,300 full frames while the loop is busy elsewhere.
    private static final int SOCKET_BUFFER_BYTES = 2 << 20;

    private static final int AF_INET = 2;
    private static final int SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0x800 | 0x80000;
    private static final int SOL_SOCKET = 1;
    private static final int SO_SNDBUF = 7;
    private static final int SO_RCVBUF = 8;
    private static final int IPPROTO_IP = 0;
    private static final int IP_MTU_DISCOVER = 10;
    private static final int IP_PMTUDISC_DO = 2;
    private static final int SOL_UDP = 17;
    private static final int UDP_SEGMENT = 103;
    private static final int UDP_GRO = 104;

    /// Before the first datagram: with its own header, room for that of a packet.
    private static final int ROOM_BYTES = 16;

    private static final int ADDRESS_BYTES = 16;
    private static final int MESSAGE_BYTES = 56;
    private static final int CONTROL_BYTES = 64;
    private static final int SOURCES_MAX = 4096;
    private static final int HEADER = VxlanHeader.SIZE_BYTES;
    private static final ValueLayout.OfShort PORT =
            ValueLayout.JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt ADDRESS =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.BIG_ENDIAN);

    private final Arena arena = Arena.ofShared();
    private final SystemCalls calls = new SystemCalls(arena);
    private final int socket;
    private final InetSocketAddress localAddress;
    private final MemorySegment option = arena.allocate(4, 4);
    private final Map<InetSocketAddress, MemorySegment> destinations = new HashMap<>();
    private final Map<Integer, InetAddress> sources = new HashMap<>();
    private final Lot lot = new Lot();
    private final byte[] copied = new byte[HEADER + BYTES_MAX];
    private boolean canCut;
    private int cutBytes;

    /// What the last call brought: one datagram or several of one length.
    private final class Lot {
        final MemorySegment data = arena.allocate(BYTES_MAX, 64);
        final MemorySegment sender = arena.allocate(ADDRESS_BYTES, 8);
        final MemorySegment control = arena.allocate(CONTROL_BYTES, 8);
        final MemorySegment message = arena.allocate(MESSAGE_BYTES, 8);
        final byte[] bytes = new byte[ROOM_BYTES + BYTES_MAX];
        int at;
        int end;
        int strideBytes;
        int datagram;
        int sourceBits;
        @Nullable InetAddress source;

        /// struct msghdr: name 8 · namelen 4 · pad 4 · iov 8 · iovlen 8 · control 8 · controllen 8
        /// · flags 4
        Lot() {
            MemorySegment vector = arena.allocate(16, 8);
            vector.set(ValueLayout.JAVA_LONG, 0, data.address());
            vector.set(ValueLayout.JAVA_LONG, 8, data.byteSize());
            message.set(ValueLayout.JAVA_LONG, 0, sender.address());
            message.set(ValueLayout.JAVA_LONG, 16, vector.address());
            message.set(ValueLayout.JAVA_LONG, 24, 1L);
            message.set(ValueLayout.JAVA_LONG, 32, control.address());
        }

        boolean take() {
            message.set(ValueLayout.JAVA_INT, 8, ADDRESS_BYTES);
            message.set(ValueLayout.JAVA_LONG, 40, (long) CONTROL_BYTES);
            int lengthBytes = (int) calls.receiveMessage(socket, message);
            if (lengthBytes < 0) {
                return false;
            }
            MemorySegment.copy(data, ValueLayout.JAVA_BYTE, 0, bytes, ROOM_BYTES, lengthBytes);
            at = ROOM_BYTES;
            end = ROOM_BYTES + lengthBytes;
            strideBytes = strideBytes(lengthBytes);
            int bits = sender.get(ADDRESS, 4);
            if (source == null || bits != sourceBits) {
                sourceBits = bits;
                source = sourceOf(bits);
            }
            return true;
        }

        /// struct cmsghdr: len 8 · level 4 · type 4 · data
        private int strideBytes(int lengthBytes) {
            boolean isLot =
                    message.get(ValueLayout.JAVA_LONG, 40) >= 20
                            && control.get(ValueLayout.JAVA_INT, 8) == SOL_UDP
                            && control.get(ValueLayout.JAVA_INT, 12) == UDP_GRO;
            int told = isLot ? control.get(ValueLayout.JAVA_INT, 16) : lengthBytes;
            return Math.max(1, told);
        }
    }

    /// Opens the socket.
    ///
    /// @throws IOException with the address in its message if it cannot be had
    public UdpUnderlay(InetSocketAddress local) throws IOException {
        assert OffloadHeader.BYTES <= ROOM_BYTES + HEADER;
        socket = calls.socket(AF_INET, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
        try {
            if (socket < 0) {
                throw SystemCalls.failed("socket", socket);
            }
            set(SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER_BYTES);
            set(SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_BYTES);
            set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
            bind(local);
            localAddress = findAddress();
            // Kernels before 5.0 know neither.
            canCut = isSet(SOL_UDP, UDP_SEGMENT, 0) && isSet(SOL_UDP, UDP_GRO, 1);
        } catch (IOException e) {
            close();
            throw e;
        }
    }

    private void bind(InetSocketAddress local) throws IOException {
        int outcome = local.isUnresolved() ? -SystemCalls.EINVAL : calls.bind(socket, wire(local));
        if (outcome < 0) {
            throw new BindException(
                    "VXLAN address %s cannot be used (%s): is another switch running there?"
                            .formatted(local, reason(-outcome)));
        }
    }

    private static String reason(int errno) {
        return switch (errno) {
            case SystemCalls.EADDRINUSE -> "Address already in use";
            case SystemCalls.EADDRNOTAVAIL -> "Cannot assign requested address";
            case SystemCalls.EACCES -> "Permission denied";
            default -> "errno " + errno;
        };
    }

    private void set(int level, int name, int value) throws IOException {
        if (!isSet(level, name, value)) {
            throw new IOException("a socket without option %d/%d".formatted(level, name));
        }
    }

    private boolean isSet(int level, int name, int value) {
        option.set(ValueLayout.JAVA_INT, 0, value);
        return calls.setOption(socket, level, name, option) == 0;
    }

    /// struct sockaddr_in: family 2 · port 2 · address 4 · zero 8
    private MemorySegment wire(InetSocketAddress address) {
        MemorySegment wire = arena.allocate(ADDRESS_BYTES, 8);
        wire.set(ValueLayout.JAVA_SHORT, 0, (short) AF_INET);
        wire.set(PORT, 2, (short) address.getPort());
        if (address.getAddress() instanceof Inet4Address ip4) {
            MemorySegment.copy(ip4.getAddress(), 0, wire, ValueLayout.JAVA_BYTE, 4, 4);
        }
        return wire;
    }

    /// To be waited for.
    public int descriptor() {
        return socket;
    }

    /// The address the socket has.
    public InetSocketAddress localAddress() {
        return localAddress;
    }

    private InetSocketAddress findAddress() throws IOException {
        MemorySegment address = arena.allocate(ADDRESS_BYTES, 8);
        MemorySegment length = arena.allocate(4, 4);
        length.set(ValueLayout.JAVA_INT, 0, ADDRESS_BYTES);
        int outcome = calls.socketName(socket, address, length);
        if (outcome < 0) {
            throw SystemCalls.failed("address of the VXLAN socket", outcome);
        }
        return new InetSocketAddress(inet(address.get(ADDRESS, 4)), address.get(PORT, 2) & 0xffff);
    }

    private static InetAddress inet(int bits) {
        try {
            return InetAddress.getByAddress(
                    new byte[] {
                        (byte) (bits >>> 24), (byte) (bits >>> 16), (byte) (bits >>> 8), (byte) bits
                    });
        } catch (UnknownHostException e) {
            throw new AssertionError("four bytes are an address", e);
        }
    }

    /// Anybody can send from any number of addresses.
    private InetAddress sourceOf(int bits) {
        if (sources.size() >= SOURCES_MAX) {
            sources.clear();
        }
        return sources.computeIfAbsent(bits, UdpUnderlay::inet);
    }

    private MemorySegment destination(InetSocketAddress vtep) {
        MemorySegment known = destinations.get(vtep);
        if (known == null) {
            known = wire(vtep);
            destinations.put(vtep, known);
        }
        return known;
    }

    @Override
    public boolean send(
            InetSocketAddress vtep, int vni, byte[] frame, int offset, int lengthBytes) {
        if (lengthBytes > BYTES_MAX - HEADER) {
            return false;
        }
        byte[] bytes = frame;
        int from = offset - HEADER;
        if (from < 0) {
            System.arraycopy(frame, offset, copied, HEADER, lengthBytes);
            bytes = copied;
            from = 0;
        }
        VxlanHeader.emit(vni, bytes, from);
        int datagramBytes = HEADER + lengthBytes;
        // Shorter ones are not cut, whatever was set for others.
        if (cutBytes != 0 && datagramBytes > cutBytes && !cutInto(0)) {
            return false;
        }
        return send(vtep, bytes, from, datagramBytes);
    }

    private boolean cutInto(int strideBytes) {
        cutBytes = strideBytes;
        return isSet(SOL_UDP, UDP_SEGMENT, strideBytes);
    }

    private boolean send(InetSocketAddress vtep, byte[] bytes, int from, int lengthBytes) {
        MemorySegment datagram = MemorySegment.ofArray(bytes).asSlice(from, lengthBytes);
        return calls.send(socket, datagram, lengthBytes, destination(vtep)) == lengthBytes;
    }

    @Override
    public boolean sendAll(
            InetSocketAddress vtep,
            int vni,
            byte[] frames,
            int offset,
            int strideBytes,
            int lengthBytes) {
        if (!canCut) {
            return Underlay.super.sendAll(vtep, vni, frames, offset, strideBytes, lengthBytes);
        }
        for (int at = 0; at < lengthBytes; at += strideBytes) {
            VxlanHeader.emit(vni, frames, offset + at);
        }
        return (cutBytes == strideBytes || cutInto(strideBytes))
                && send(vtep, frames, offset, lengthBytes);
    }

    /// Takes the next datagram off the socket: its bytes are then in [#datagram], from
    /// [#datagramOffset] on, its sender is [#source]. There is room before it for another header.
    ///
    /// @return its length, or -1 if none waits
    public int receive() {
        if (lot.at >= lot.end && !lot.take()) {
            return -1;
        }
        lot.datagram = lot.at;
        int lengthBytes = Math.min(lot.strideBytes, lot.end - lot.at);
        lot.at += lengthBytes;
        return lengthBytes;
    }

    /// Where the last datagram is; overwritten by the next.
    public byte[] datagram() {
        return lot.bytes;
    }

    /// Where in it.
    public int datagramOffset() {
        return lot.datagram;
    }

    /// Who sent the last datagram.
    public InetAddress source() {
        return Objects.requireNonNull(lot.source, "nothing was received yet");
    }

    @Override
    public void close() {
        if (socket >= 0) {
            calls.close(socket);
        }
        arena.close();
    }
}
