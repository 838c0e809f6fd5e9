package weft.wire;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Collects a message's bytes, big-endian. Large byte fields are kept by reference and not copied:
/// whoever sends a message must not change its buffers afterwards.
public final class WireWriter {
    /// From this size on a byte field is kept by reference; below, a copy is cheaper than one more
    /// entry in the gather list of the system call.
    private static final int REFERENCE_BYTES_MIN = 2048;

    private final List<ByteBuffer> finished = new ArrayList<>(3);
    private byte[] open = new byte[128];
    private int openBytes;
    private int lengthBytes;

    /// One byte, the low 8 bits.
    public void putByte(int value) {
        reserve(1);
        open[openBytes++] = (byte) value;
    }

    /// Two bytes, the low 16 bits.
    public void putShort(int value) {
        putByte(value >>> 8);
        putByte(value);
    }

    /// Four bytes.
    public void putInt(int value) {
        reserve(4);
        open[openBytes++] = (byte) (value >>> 24);
        open[openBytes++] = (byte) (value >>> 16);
        open[openBytes++] = (byte) (value >>> 8);
        open[openBytes++] = (byte) value;
    }

    /// Eight bytes.
    public void putLong(long value) {
        putInt((int) (value >>> 32));
        putInt((int) value);
    }

    /// One byte, 0 or 1.
    public void putBoolean(boolean value) {
        putByte(value ? 1 : 0);
    }

    /// Length (4 bytes) and bytes, from position to limit; the buffer's position does not move.
    public void putBytes(ByteBuffer bytes) {
        putInt(bytes.remaining());
        if (bytes.remaining() >= REFERENCE_BYTES_MIN) {
            closeOpen();
            finished.add(bytes.asReadOnlyBuffer());
            lengthBytes += bytes.remaining();
            return;
        }
        int count = bytes.remaining();
        reserve(count);
        bytes.get(bytes.position(), open, openBytes, count);
        openBytes += count;
    }

    /// Length (4 bytes) and bytes.
    public void putBytes(byte[] bytes) {
        putBytes(ByteBuffer.wrap(bytes));
    }

    /// Length (4 bytes) and UTF-8.
    public void putString(String text) {
        putBytes(text.getBytes(StandardCharsets.UTF_8));
    }

    /// Bytes written so far.
    public int lengthBytes() {
        return lengthBytes + openBytes;
    }

    /// All that was written, in order. The writer is used up.
    public List<ByteBuffer> toBuffers() {
        closeOpen();
        return finished;
    }

    /// All that was written, in one array. The writer is used up.
    public byte[] toBytes() {
        byte[] all = new byte[lengthBytes()];
        int at = 0;
        for (ByteBuffer part : toBuffers()) {
            int count = part.remaining();
            part.get(part.position(), all, at, count);
            at += count;
        }
        return all;
    }

    private void closeOpen() {
        if (openBytes > 0) {
            finished.add(ByteBuffer.wrap(open, 0, openBytes));
            lengthBytes += openBytes;
            open = new byte[64];
            openBytes = 0;
        }
    }

    private void reserve(int count) {
        if (openBytes + count > open.length) {
            open = Arrays.copyOf(open, Math.max(open.length * 2, openBytes + count));
        }
    }
}
