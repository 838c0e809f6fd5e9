package weft.vswitch.interop;

import weft.fabric.MacAddress;
import weft.vswitch.VSwitch;
import weft.vswitch.port.SwitchPort;
import weft.vswitch.port.TapDevice;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;

/// A namespace's stack as a station of a switch: a TAP interface plugged into a port, one packet at
/// a time and without offloads.
final class TapStation implements AutoCloseable {
    private final TapDevice tap;
    private final SwitchPort port;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment out = arena.allocate(TapDevice.PACKET_BYTES_MAX, 16);
    private final MemorySegment vector = arena.allocate(16, 16);
    private final Thread reader;
    private final int frameBytesMax;
    private final boolean isOwner;
    private volatile int tooLong;

    TapStation(TapDevice tap, VSwitch vswitch, String id, String network, MacAddress mac) {
        this(tap, vswitch, id, network, mac, Integer.MAX_VALUE, true);
    }

    /// One that counts longer frames, and leaves the interface to others to close.
    static TapStation onlyPlug(
            TapDevice tap,
            VSwitch vswitch,
            String id,
            String network,
            MacAddress mac,
            int frameBytesMax) {
        return new TapStation(tap, vswitch, id, network, mac, frameBytesMax, false);
    }

    private TapStation(
            TapDevice tap,
            VSwitch vswitch,
            String id,
            String network,
            MacAddress mac,
            int frameBytesMax,
            boolean isOwner) {
        this.tap = tap;
        this.frameBytesMax = frameBytesMax;
        this.isOwner = isOwner;
        port = vswitch.plug(id, network, mac, this::receive);
        reader = Thread.ofPlatform().name("tap-" + tap.name()).start(this::carry);
    }

    /// Frames that were longer than they may be.
    int tooLong() {
        return tooLong;
    }

    /// On the switch's loop.
    private void receive(byte[] frame, int offset, int lengthBytes) {
        tooLong = tooLong + (lengthBytes > frameBytesMax ? 1 : 0);
        int header = tap.headerBytes();
        MemorySegment.copy(frame, offset, out, ValueLayout.JAVA_BYTE, header, lengthBytes);
        vector.set(ValueLayout.JAVA_LONG, 0, out.address());
        vector.set(ValueLayout.JAVA_LONG, 8, header + lengthBytes);
        var _ = tap.write(vector, 1);
    }

    private void carry() {
        MemorySegment in = arena.allocate(TapDevice.PACKET_BYTES_MAX, 16);
        byte[] frame = new byte[TapDevice.PACKET_BYTES_MAX];
        int header = tap.headerBytes();
        try {
            while (tap.await()) {
                for (int read = tap.read(in); read > 0; read = tap.read(in)) {
                    int lengthBytes = read - header;
                    MemorySegment.copy(in, ValueLayout.JAVA_BYTE, header, frame, 0, lengthBytes);
                    port.transmit(frame, 0, lengthBytes);
                }
            }
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        tap.wake();
        boolean ended = false;
        try {
            ended = reader.join(Duration.ofSeconds(10));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (!ended) {
            throw new IllegalStateException("the reader of " + tap.name() + " does not end");
        }
        port.close();
        if (isOwner) {
            tap.close();
        }
        arena.close();
    }
}
