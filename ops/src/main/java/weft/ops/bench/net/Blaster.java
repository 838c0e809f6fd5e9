package weft.ops.bench.net;

import weft.vswitch.linux.SystemCalls;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.net.InetAddress;
import java.nio.ByteOrder;
import java.util.concurrent.locks.LockSupport;

/// Sends datagrams of 64 bytes as fast as told, or counts them, many in a system call: a sender
/// that is not itself what is measured. A process of its own, in a station.
///
/// ```text
/// send ADDRESS SECONDS PER_SECOND      0: as fast as it can; says how many it sent
/// receive                              says a line when it is ready, and how many came when its
///                                      input ends
/// ```
final class Blaster {
    private static final int PORT = 5203;
    private static final int PAYLOAD_BYTES = 64;
    private static final int BATCH = 64;

    /// What is late is made up for by so many at a time, so that no queue overflows by that.
    private static final int CATCH_UP = 16;

    private static final int MESSAGE_BYTES = 64;
    private static final int AF_INET = 2;
    private static final int SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
    private static final int SOL_SOCKET = 1;
    private static final int SO_RCVBUF = 8;
    private static final int SO_RCVTIMEO = 20;
    private static final int MSG_WAITFORONE = 0x10000;
    private static final MethodHandle SEND =
            bind("sendmmsg", ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT);
    private static final MethodHandle RECEIVE =
            bind(
                    "recvmmsg",
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS);

    private final Arena arena = Arena.ofAuto();
    private final MemorySegment messages = arena.allocate((long) MESSAGE_BYTES * BATCH, 8);
    private final MemorySegment address = arena.allocate(16, 8);
    private final int socket;

    private Blaster() throws IOException {
        socket = calls().socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0);
        if (socket < 0) {
            throw SystemCalls.failed("socket", socket);
        }
        MemorySegment payload = arena.allocate(2048, 8);
        MemorySegment vector = arena.allocate(16, 8);
        vector.set(ValueLayout.JAVA_LONG, 0, payload.address());
        vector.set(ValueLayout.JAVA_LONG, 8, PAYLOAD_BYTES);
        // struct mmsghdr: msghdr 56 (name 8, namelen 8, iov 8, iovlen 8, …) · len 4
        for (long at = 0; at < messages.byteSize(); at += MESSAGE_BYTES) {
            messages.set(ValueLayout.JAVA_LONG, at + 16, vector.address());
            messages.set(ValueLayout.JAVA_LONG, at + 24, 1L);
        }
    }

    private SystemCalls calls() {
        return new SystemCalls(arena);
    }

    @SuppressWarnings("restricted")
    private static MethodHandle bind(
            String name,
            ValueLayout first,
            ValueLayout second,
            ValueLayout third,
            ValueLayout... more) {
        var types = new java.util.ArrayList<ValueLayout>(java.util.List.of(first, second, third));
        types.add(ValueLayout.JAVA_INT);
        types.addAll(java.util.List.of(more));
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow(name),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, types.toArray(ValueLayout[]::new)));
    }

    public static void main(String[] arguments) throws Throwable {
        if ("send".equals(arguments[0])) {
            var blaster = new Blaster();
            blaster.aim(arguments[1]);
            System.out.println(
                    blaster.send(
                            Double.parseDouble(arguments[2]), Double.parseDouble(arguments[3])));
        } else {
            new Blaster().count();
        }
    }

    private void aim(String at) throws IOException {
        writeAddress(InetAddress.getByName(at).getAddress());
        for (long i = 0; i < messages.byteSize(); i += MESSAGE_BYTES) {
            messages.set(ValueLayout.JAVA_LONG, i, address.address());
            messages.set(ValueLayout.JAVA_INT, i + 8, 16);
        }
    }

    private void writeAddress(byte[] ip4) {
        address.set(ValueLayout.JAVA_SHORT, 0, (short) AF_INET);
        address.set(ValueLayout.JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN), 2, (short) PORT);
        MemorySegment.copy(ip4, 0, address, ValueLayout.JAVA_BYTE, 4, 4);
    }

    private long send(double seconds, double perSecond) throws Throwable {
        long startNanos = System.nanoTime();
        long endNanos = startNanos + (long) (seconds * 1e9);
        long sent = 0;
        for (long now = startNanos; now < endNanos; now = System.nanoTime()) {
            int batch = BATCH;
            if (perSecond > 0) {
                long due = (long) ((now - startNanos) / 1e9 * perSecond);
                batch = (int) Math.min(CATCH_UP, due - sent);
                if (batch <= 0) {
                    LockSupport.parkNanos(20_000);
                    continue;
                }
            }
            int left = (int) SEND.invokeExact(socket, messages, batch, 0);
            sent += Math.max(0, left);
        }
        return sent;
    }

    private void count() throws Throwable {
        MemorySegment option = arena.allocate(16, 8);
        option.set(ValueLayout.JAVA_INT, 0, 4 << 20);
        var _ = calls().setOption(socket, SOL_SOCKET, SO_RCVBUF, option.asSlice(0, 4));
        option.set(ValueLayout.JAVA_LONG, 0, 0L);
        option.set(ValueLayout.JAVA_LONG, 8, 100_000L); // struct timeval: 100 ms
        var _ = calls().setOption(socket, SOL_SOCKET, SO_RCVTIMEO, option);
        writeAddress(new byte[4]);
        int outcome = calls().bind(socket, address);
        if (outcome < 0) {
            throw SystemCalls.failed("bind", outcome);
        }
        System.out.println("ready");
        long received = 0;
        boolean isIdle = false;
        while (!isIdle || System.in.available() == 0) {
            int came =
                    (int)
                            RECEIVE.invokeExact(
                                    socket, messages, BATCH, MSG_WAITFORONE, MemorySegment.NULL);
            received += Math.max(0, came);
            isIdle = came <= 0;
        }
        System.out.println(received);
    }
}
