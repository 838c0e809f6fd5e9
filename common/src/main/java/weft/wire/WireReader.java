package weft.wire;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/// Reads what [WireWriter] wrote, trusting nothing: every length is checked against what is left.
public final class WireReader {
    private final ByteBuffer in;
    private final CountedMemory memory;

    /// @param bytes the message, from position to limit; slices of it are handed out, so it must
    ///   not be reused
    public WireReader(ByteBuffer bytes) {
        this(bytes, CountedMemory.HEAP);
    }

    /// @param memory in which the bytes are
    public WireReader(ByteBuffer bytes, CountedMemory memory) {
        in = bytes.slice().order(ByteOrder.BIG_ENDIAN);
        this.memory = memory;
    }

    /// @param bytes the message; slices of it are handed out, so it must not be reused
    public WireReader(byte[] bytes) {
        this(ByteBuffer.wrap(bytes));
    }

    /// One byte, 0 to 255.
    public int readByte() throws MalformedMessage {
        need(1);
        return in.get() & 0xFF;
    }

    /// Two bytes, 0 to 65535.
    public int readShort() throws MalformedMessage {
        need(2);
        return in.getShort() & 0xFFFF;
    }

    /// Four bytes.
    public int readInt() throws MalformedMessage {
        need(4);
        return in.getInt();
    }

    /// A count of elements, each of at least `elementBytesMin` bytes: never more than can follow.
    public int readCount(int elementBytesMin) throws MalformedMessage {
        int count = readInt();
        if (count < 0 || (long) count * elementBytesMin > in.remaining()) {
            throw new MalformedMessage(
                    "a count of %d elements with %d bytes left".formatted(count, in.remaining()));
        }
        return count;
    }

    /// Eight bytes.
    public long readLong() throws MalformedMessage {
        need(8);
        return in.getLong();
    }

    /// One byte that is 0 or 1.
    public boolean readBoolean() throws MalformedMessage {
        int value = readByte();
        if (value > 1) {
            throw new MalformedMessage("a boolean of value " + value);
        }
        return value == 1;
    }

    /// A byte field, as a slice of the message.
    ///
    /// @param lengthBytesMax the longest legal one
    public ByteBuffer readBytes(int lengthBytesMax) throws MalformedMessage {
        int length = readInt();
        if (length < 0 || length > lengthBytesMax) {
            throw new MalformedMessage(
                    "a field of %d bytes, longest is %d".formatted(length, lengthBytesMax));
        }
        need(length);
        ByteBuffer field = in.slice(in.position(), length);
        in.position(in.position() + length);
        return field;
    }

    /// A string.
    ///
    /// @param lengthBytesMax the longest legal one, in UTF-8 bytes
    public String readString(int lengthBytesMax) throws MalformedMessage {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(readBytes(lengthBytesMax)).toString();
        } catch (CharacterCodingException e) {
            throw new MalformedMessage("a string that is not UTF-8");
        }
    }

    /// In which the slices lie that are handed out.
    public CountedMemory memory() {
        return memory;
    }

    /// Bytes not yet read.
    public int remainingBytes() {
        return in.remaining();
    }

    /// Expects that everything has been read.
    public void end() throws MalformedMessage {
        if (in.hasRemaining()) {
            throw new MalformedMessage(in.remaining() + " bytes after the message's end");
        }
    }

    private void need(int count) throws MalformedMessage {
        if (in.remaining() < count) {
            throw new MalformedMessage("%d bytes needed, %d left".formatted(count, in.remaining()));
        }
    }
}
