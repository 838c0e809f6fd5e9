package weft.vswitch.port;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Instant;
import java.time.InstantSource;

/// Writes captured frames in the pcap format that tcpdump and Wireshark read (libpcap's
/// pcap-savefile(5), version 2.4, nanosecond times, little-endian, LINKTYPE_ETHERNET).
public final class PcapStream implements FrameSink, AutoCloseable {
    private static final int MAGIC_NANOSECONDS = 0xa1b2_3c4d;
    private static final int LINKTYPE_ETHERNET = 1;
    private static final int RECORD_HEADER_BYTES = 16;

    private final OutputStream out;
    private final InstantSource wallClock;
    private final ByteBuffer header =
            ByteBuffer.allocate(RECORD_HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);

    /// @param out belongs to the stream from now on
    public PcapStream(OutputStream out, InstantSource wallClock) throws IOException {
        this.out = out;
        this.wallClock = wallClock;
        var file = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
        file.putInt(MAGIC_NANOSECONDS).putShort((short) 2).putShort((short) 4).putLong(0);
        file.putInt(SwitchPort.FRAME_BYTES_MAX).putInt(LINKTYPE_ETHERNET);
        out.write(file.array());
    }

    @Override
    public synchronized void frame(
            Direction direction, String where, byte[] bytes, int offset, int lengthBytes) {
        // Synchronized: close() comes from another thread than the switch's.
        Instant now = wallClock.instant();
        header.clear().putInt((int) now.getEpochSecond()).putInt(now.getNano());
        header.putInt(lengthBytes).putInt(lengthBytes);
        try {
            out.write(header.array());
            out.write(bytes, offset, lengthBytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public synchronized void close() throws IOException {
        out.close();
    }
}
