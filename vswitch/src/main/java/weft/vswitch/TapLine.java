package weft.vswitch;

import org.jspecify.annotations.Nullable;

import weft.runtime.Owned;
import weft.vswitch.packet.OffloadHeader;
import weft.vswitch.pipeline.PluggedPort;
import weft.vswitch.port.SwitchPort;
import weft.vswitch.port.TapDevice;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// A TAP interface's cable: the switch's loop itself reads it and writes it, so that a frame from
/// one interface to another costs two system calls and no copy of ours. Headers go through as they
/// are: what one kernel leaves to others another takes.
@Owned("the switch's loop")
final class TapLine implements Line, SwitchPort.OffloadReceiver {
    /// Where a packet is in [#bytes].
    static final int OFFSET = OffloadHeader.BYTES;

    private static final int ROOM = OffloadHeader.BYTES;

    private final String id;
    private final TapDevice tap;
    private final boolean takesUdp;
    private final byte[] read = new byte[TapDevice.PACKET_BYTES_MAX];
    private final MemorySegment readSegment = MemorySegment.ofArray(read);
    private final byte[] copied = new byte[ROOM + SwitchPort.FRAME_BYTES_MAX];
    private @Nullable PluggedPort port;
    private long token;

    /// The last that was written from, and where: those of one interface all lie at one place.
    private byte[] writtenBytes = read;

    private int writtenFrom;
    private MemorySegment written = readSegment;

    /// @throws IOException if the kernel is too old for headers of 12 bytes (before 2.6.33)
    TapLine(String id, TapDevice tap) throws IOException {
        this.id = id;
        this.tap = tap;
        if (tap.headerBytes() != ROOM) {
            throw new IOException("'%s': this kernel's TAP headers are too short".formatted(id));
        }
        takesUdp = tap.offloadAll();
    }

    void plugged(PluggedPort newPort, long newToken) {
        port = newPort;
        token = newToken;
    }

    /// What the loop knows it by.
    long token() {
        return token;
    }

    @Override
    public String id() {
        return id;
    }

    int descriptor() {
        return tap.descriptor();
    }

    @Override
    public PluggedPort port() {
        return Objects.requireNonNull(port, "plugged when it was made");
    }

    /// Takes the next packet: it is then in [#bytes], from [#OFFSET] on.
    ///
    /// @return its length without the header, or -1 if none waits
    int read() throws IOException {
        int lengthBytes = tap.read(readSegment) - ROOM;
        return lengthBytes < 0 ? -1 : lengthBytes;
    }

    byte[] bytes() {
        return read;
    }

    @Override
    public boolean takes(int type) {
        return type != OffloadHeader.UDP || takesUdp;
    }

    @Override
    public void receive(byte[] frame, int offset, int lengthBytes) {
        if (offset >= ROOM) {
            OffloadHeader.clear(frame, offset);
            write(frame, offset, lengthBytes);
        } else {
            System.arraycopy(frame, offset, copied, ROOM, lengthBytes);
            write(copied, ROOM, lengthBytes); // what is before it is never written: zeroes
        }
    }

    @Override
    public void receivePacket(byte[] packet, int offset, int lengthBytes) {
        write(packet, offset, lengthBytes);
    }

    private void write(byte[] bytes, int offset, int lengthBytes) {
        int from = offset - ROOM;
        if (bytes != writtenBytes || from != writtenFrom) {
            writtenBytes = bytes;
            writtenFrom = from;
            written = MemorySegment.ofArray(bytes).asSlice(from);
        }
        if (!tap.writePacket(written, ROOM + (long) lengthBytes)) {
            port().countDeviceRefused();
        }
    }
}
