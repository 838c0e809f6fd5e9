package weft.vswitch.port;

import weft.vswitch.linux.SystemCalls;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/// A TAP interface of the Linux kernel, from the side of the program that plays the wire.
///
/// Every packet has a virtio-net header before it (IFF_VNET_HDR), so that the kernel's own stack
/// can leave checksums and the cutting of super-frames to the reader, and takes both from the
/// writer. Two threads may use it at a time, one that reads and one that writes; whoever closes it
/// sees to it that both have ended, [#wake] helps.
public final class TapDevice implements AutoCloseable {
    /// Room for the longest packet and its header.
    public static final int PACKET_BYTES_MAX = 12 + 66_560;

    private static final String CONTROL = "/dev/net/tun";
    private static final int NAME_BYTES_MAX = 15;
    private static final int O_RDWR = 2;
    private static final int O_NONBLOCK = 0x800;
    private static final int O_CLOEXEC = 0x80000;
    private static final int IFREQ_BYTES = 40;
    private static final int IFREQ_VALUE = 16;
    private static final int IFF_TAP_NO_PI_VNET_HDR = 0x0002 | 0x1000 | 0x4000;
    private static final long SIOCGIFMTU = 0x8921;
    private static final long TUNSETIFF = 0x400454caL;
    private static final long TUNSETOFFLOAD = 0x400454d0L;
    private static final long TUNSETVNETHDRSZ = 0x400454d8L;
    private static final int TUN_F_CSUM = 1;
    private static final int TUN_F_TSO4 = 2;
    private static final int TUN_F_TSO6 = 4;
    private static final int TUN_F_TSO_ECN = 8;
    private static final int TUN_F_USO = 0x20 | 0x40;
    private static final int TUN_F_ALL =
            TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO;
    private static final int AF_INET = 2;
    private static final int SOCK_DGRAM_CLOEXEC = 2 | O_CLOEXEC;
    private static final short POLLIN = 1;

    private final String name;
    private final int mtuBytes;
    private final int headerBytes;
    private final int descriptor;
    private final int wakeDescriptor;
    private final Arena arena;
    private final SystemCalls readerCalls;
    private final SystemCalls writerCalls;
    private final MemorySegment polled;
    private volatile boolean woken;

    /// Takes an interface that exists; who may, was said when it was made (`ip tuntap add … user`).
    ///
    /// @throws IOException in words fit for people, if there is none, or it may not be taken
    public static TapDevice open(String name) throws IOException {
        byte[] ascii = name.getBytes(StandardCharsets.UTF_8);
        if (ascii.length == 0 || ascii.length > NAME_BYTES_MAX) {
            throw new IOException("'%s' is no name of a network interface".formatted(name));
        }
        Arena arena = Arena.ofShared();
        try {
            return new TapDevice(name, ascii, arena);
        } catch (IOException | RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    private TapDevice(String name, byte[] ascii, Arena arena) throws IOException {
        this.name = name;
        this.arena = arena;
        readerCalls = new SystemCalls(arena);
        writerCalls = new SystemCalls(arena);
        MemorySegment request = arena.allocate(IFREQ_BYTES, 8);
        MemorySegment.copy(ascii, 0, request, ValueLayout.JAVA_BYTE, 0, ascii.length);
        // First: TUNSETIFF would make an interface of this name, if allowed to.
        mtuBytes = findMtu(request);
        descriptor = readerCalls.open(arena, CONTROL, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (descriptor < 0) {
            throw switch (-descriptor) {
                case SystemCalls.ENOENT ->
                        new IOException("this kernel has no TAP interfaces: no " + CONTROL);
                case SystemCalls.EACCES, SystemCalls.EPERM ->
                        new IOException("no permission to open " + CONTROL);
                default -> SystemCalls.failed("open " + CONTROL, descriptor);
            };
        }
        try {
            request.set(ValueLayout.JAVA_SHORT, IFREQ_VALUE, (short) IFF_TAP_NO_PI_VNET_HDR);
            take(request);
            headerBytes = enlargeHeader();
            offload(false, false, false, false);
            wakeDescriptor = readerCalls.eventDescriptor(O_NONBLOCK | O_CLOEXEC);
            if (wakeDescriptor < 0) {
                throw SystemCalls.failed("eventfd", wakeDescriptor);
            }
        } catch (IOException e) {
            readerCalls.close(descriptor);
            throw e;
        }
        polled = arena.allocate(16, 8);
        polled.set(ValueLayout.JAVA_INT, 0, descriptor);
        polled.set(ValueLayout.JAVA_SHORT, 4, POLLIN);
        polled.set(ValueLayout.JAVA_INT, 8, wakeDescriptor);
        polled.set(ValueLayout.JAVA_SHORT, 12, POLLIN);
    }

    private int findMtu(MemorySegment request) throws IOException {
        int socket = readerCalls.socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0);
        if (socket < 0) {
            throw SystemCalls.failed("socket", socket);
        }
        int outcome = readerCalls.ioctl(socket, SIOCGIFMTU, request);
        readerCalls.close(socket);
        if (outcome == -SystemCalls.ENODEV) {
            throw new IOException(
                    "there is no network interface '%s'; make it: ip tuntap add %s mode tap"
                            .formatted(name, name));
        }
        if (outcome < 0) {
            throw SystemCalls.failed("MTU of '%s'".formatted(name), outcome);
        }
        return request.get(ValueLayout.JAVA_INT, IFREQ_VALUE);
    }

    private void take(MemorySegment request) throws IOException {
        int outcome = readerCalls.ioctl(descriptor, TUNSETIFF, request);
        if (outcome >= 0) {
            return;
        }
        throw switch (-outcome) {
            case SystemCalls.EPERM ->
                    new IOException(
                            "no permission to use '%s': it belongs to another user"
                                    .formatted(name));
            case SystemCalls.EBUSY ->
                    new IOException("'%s' is in use by another program".formatted(name));
            case SystemCalls.EINVAL ->
                    new IOException(
                            "'%s' is no TAP interface of one queue: ip tuntap add NAME mode tap"
                                    .formatted(name));
            default -> SystemCalls.failed("take '%s'".formatted(name), outcome);
        };
    }

    /// To the size that a virtio device has anyway; kernels before 2.6.33 know only the shorter.
    private int enlargeHeader() {
        MemorySegment size = arena.allocate(4, 4);
        size.set(ValueLayout.JAVA_INT, 0, 12);
        return readerCalls.ioctl(descriptor, TUNSETVNETHDRSZ, size) == 0 ? 12 : 10;
    }

    /// The interface's name.
    public String name() {
        return name;
    }

    /// The interface's MTU, when it was opened.
    public int mtuBytes() {
        return mtuBytes;
    }

    /// The size of the header before each packet: 12, or 10 without `num_buffers`.
    public int headerBytes() {
        return headerBytes;
    }

    /// What the kernel may leave to the reader in packets from now on. Those that wait already may
    /// still have more. Called by the writing thread.
    ///
    /// @return false if the kernel does not know how, and leaves nothing
    public boolean offload(boolean checksum, boolean tcp4, boolean tcp6, boolean ecn) {
        long bits =
                (checksum ? TUN_F_CSUM : 0)
                        | (tcp4 ? TUN_F_TSO4 : 0)
                        | (tcp6 ? TUN_F_TSO6 : 0)
                        | (ecn ? TUN_F_TSO_ECN : 0);
        boolean known = writerCalls.ioctl(descriptor, TUNSETOFFLOAD, bits) == 0;
        return known || bits == 0;
    }

    /// Has the kernel leave all that it can to the reader. Called by the writing thread.
    ///
    /// @return whether UDP is among it (Linux 6.2)
    public boolean offloadAll() {
        if (writerCalls.ioctl(descriptor, TUNSETOFFLOAD, TUN_F_ALL) == 0) {
            return true;
        }
        var _ = offload(true, true, true, true);
        return false;
    }

    /// To be waited for.
    public int descriptor() {
        return descriptor;
    }

    /// Takes the next packet and its header, if there is one.
    ///
    /// @return its length, or 0
    /// @throws IOException if the interface is gone
    public int read(MemorySegment into) throws IOException {
        long outcome = readerCalls.read(descriptor, into);
        if (outcome >= 0) {
            return (int) outcome;
        }
        if (outcome == -SystemCalls.EAGAIN || outcome == -SystemCalls.EINTR) {
            return 0;
        }
        throw SystemCalls.failed("'%s' cannot be read any more".formatted(name), outcome);
    }

    /// Sends a packet.
    ///
    /// @param vectors an array of `struct iovec`: the header, then the frame
    /// @return false if the kernel did not take it: malformed, or the interface is down
    public boolean write(MemorySegment vectors, int count) {
        return writerCalls.writeVector(descriptor, vectors, count) > 0;
    }

    /// Sends a packet whose header and frame follow one another, with [#headerBytes] of 12.
    ///
    /// @param packet from the header on; may be on the heap
    /// @return false if the kernel did not take it: malformed, or the interface is down
    public boolean writePacket(MemorySegment packet, long lengthBytes) {
        return writerCalls.write(descriptor, packet, lengthBytes) > 0;
    }

    /// Waits until there is something to read.
    ///
    /// @return false after [#wake]
    public boolean await() throws IOException {
        int outcome = woken ? 0 : readerCalls.poll(polled, 2);
        if (outcome < 0 && outcome != -SystemCalls.EINTR) {
            throw SystemCalls.failed("poll '%s'".formatted(name), outcome);
        }
        return !woken;
    }

    /// Ends [#await], now and later; from any thread, until it is closed.
    public void wake() {
        woken = true;
        try (Arena own = Arena.ofConfined()) {
            MemorySegment one = own.allocate(8, 8);
            one.set(ValueLayout.JAVA_LONG, 0, 1L);
            long written = new SystemCalls(own).write(wakeDescriptor, one, 8);
            assert written == 8;
        }
    }

    @Override
    public void close() {
        readerCalls.close(descriptor);
        readerCalls.close(wakeDescriptor);
        arena.close();
    }
}
