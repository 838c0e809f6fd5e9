package weft.storage.nbd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;

import java.nio.ByteBuffer;

/// Cuts what a server sent into greeting, answers to options and replies, by the document and not
/// by the server's code: all of it must be of these, to the last byte.
final class SentReplies {
    private static final int REPLY_BYTES_MIN = 16;

    private final long diskBytes;
    private final ByteBuf all = Unpooled.buffer();
    private long cameBytes;
    private int statusCount;

    SentReplies(long diskBytes) {
        this.diskBytes = diskBytes;
    }

    void comes(int bytes) {
        cameBytes += bytes;
    }

    void sent(ByteBuf bytes) {
        all.writeBytes(bytes, bytes.readerIndex(), bytes.readableBytes());
    }

    int statusCount() {
        return statusCount;
    }

    /// @param isWhole the connection was open until now: nothing can have been cut off
    void end(boolean isWhole) {
        ByteBuffer in = ByteBuffer.wrap(ByteBufUtil.getBytes(all));
        assertEquals(NbdProtocol.NBDMAGIC, in.getLong());
        assertEquals(NbdProtocol.IHAVEOPT, in.getLong());
        assertEquals(3, in.getShort());
        int answers = 0;
        boolean isNamed = false;
        while (in.remaining() >= 8 && !isNamed) {
            long magic = in.getLong(in.position());
            if (magic == NbdProtocol.OPTION_REPLY_MAGIC) {
                readAnswer(in);
                answers++;
            } else if (magic == diskBytes) {
                in.position(in.position() + 10);
                isNamed = true;
            } else {
                break;
            }
        }
        // An option is 16 bytes and has four answers at most, LIST one for each of three exports.
        assertTrue(answers <= 4 * (cameBytes / 16), "more answers than options");
        if (isNamed && in.remaining() >= 124 && in.getLong(in.position()) == 0) {
            in.position(in.position() + 124);
        }
        long replies = 0;
        while (in.hasRemaining()) {
            assertTrue(isWhole || in.remaining() >= 4, "a reply is cut off");
            if (!readReply(in)) {
                return;
            }
            replies++;
        }
        assertTrue(replies <= cameBytes / NbdRequest.SIZE_BYTES, "more replies than requests");
    }

    private void readAnswer(ByteBuffer in) {
        in.getLong();
        in.getInt();
        int type = in.getInt();
        int length = in.getInt();
        int expected =
                switch (type) {
                    case NbdProtocol.REP_SERVER -> 4 + in.getInt(in.position());
                    case NbdProtocol.REP_INFO -> in.getShort(in.position()) == 0 ? 12 : 14;
                    case NbdProtocol.REP_META_CONTEXT -> 4 + "base:allocation".length();
                    default -> 0;
                };
        assertEquals(expected, length, "answer of type " + type);
        if (length == 12 && type == NbdProtocol.REP_INFO) {
            assertEquals(diskBytes, in.getLong(in.position() + 2));
        }
        in.position(in.position() + length);
    }

    /// @return whether what follows can be told apart: data of a simple reply has no length
    private boolean readReply(ByteBuffer in) {
        int magic = in.getInt();
        if (magic == NbdProtocol.SIMPLE_REPLY_MAGIC) {
            int error = in.getInt();
            in.getLong();
            assertTrue(error >= 0 && error <= NbdProtocol.ESHUTDOWN, "error " + error);
            return !in.hasRemaining() || isReplyAt(in);
        }
        assertEquals(NbdProtocol.STRUCTURED_REPLY_MAGIC, magic);
        assertEquals(NbdProtocol.CHUNK_FLAG_DONE, in.getShort());
        int type = in.getShort() & 0xFFFF;
        in.getLong();
        int length = in.getInt();
        switch (type) {
            case NbdProtocol.CHUNK_NONE -> assertEquals(0, length);
            case NbdProtocol.CHUNK_ERROR -> assertEquals(6, length);
            case NbdProtocol.CHUNK_OFFSET_DATA -> {
                long offset = in.getLong(in.position());
                assertTrue(offset >= 0 && offset + length - 8 <= diskBytes, "beyond the disk");
            }
            case NbdProtocol.CHUNK_BLOCK_STATUS -> {
                checkStatus(in, length);
                statusCount++;
            }
            default -> throw new AssertionError("chunk of type " + type);
        }
        in.position(in.position() + length);
        return true;
    }

    /// The id of the context that was set, and extents: not empty, within the disk, of data or of
    /// holes that read as zeroes.
    private void checkStatus(ByteBuffer in, int length) {
        int at = in.position();
        assertTrue(length >= 12 && length % 8 == 4, "status of " + length + " bytes");
        assertEquals(1, in.getInt(at));
        long told = 0;
        for (int extent = at + 4; extent < at + length; extent += 8) {
            int extentBytes = in.getInt(extent);
            int state = in.getInt(extent + 4);
            assertTrue(extentBytes > 0, "an extent of " + extentBytes + " bytes");
            assertTrue(state == 0 || state == 3, "state " + state);
            told += extentBytes;
        }
        assertTrue(told <= diskBytes, "beyond the disk");
    }

    private static boolean isReplyAt(ByteBuffer in) {
        int magic = in.remaining() < REPLY_BYTES_MIN ? 0 : in.getInt(in.position());
        return magic == NbdProtocol.SIMPLE_REPLY_MAGIC
                || magic == NbdProtocol.STRUCTURED_REPLY_MAGIC;
    }
}
