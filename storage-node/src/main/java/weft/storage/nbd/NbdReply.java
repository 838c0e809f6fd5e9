package weft.storage.nbd;

import io.netty.buffer.ByteBuf;

import weft.wire.storage.BlockState;

/// Replies of the transmission phase, big-endian.
///
/// ```
/// simple:      0..3 magic 67446698 · 4..7 error · 8..15 cookie · data of a READ
/// structured:  0..3 magic 668e33ef · 4..5 flags (1 = last) · 6..7 chunk type · 8..15 cookie
///              16..19 length · then: OFFSET_DATA  8 bytes offset, data
///                                    ERROR        4 bytes error, 2 bytes length of message (0)
///                                    BLOCK_STATUS 4 bytes context, then for each extent
///                                                 4 bytes length, 4 bytes state
/// ```
///
/// Where structured replies are negotiated, READ and BLOCK_STATUS must use them; all others stay
/// simple. A READ is answered in one chunk, so that "do not fragment" is always kept.
final class NbdReply {
    private static final int SIMPLE_BYTES = 16;
    private static final int CHUNK_BYTES = 20;
    private static final int CHUNK_OFFSET_BYTES = 8;
    private static final int CHUNK_ERROR_BYTES = 6;
    private static final int EXTENT_BYTES = 8;

    /// Longest reply without data.
    static final int HEADER_BYTES_MAX = CHUNK_BYTES + CHUNK_OFFSET_BYTES;

    private NbdReply() {}

    /// How many bytes come before a READ's data.
    static int readHeaderBytes(boolean isStructured) {
        return isStructured ? CHUNK_BYTES + CHUNK_OFFSET_BYTES : SIMPLE_BYTES;
    }

    /// Writes what comes before a READ's data, at the start of the buffer that has the data behind.
    static void setReadHeader(ByteBuf buffer, NbdRequest request, boolean isStructured) {
        int end = buffer.writerIndex();
        buffer.writerIndex(0);
        if (isStructured) {
            int chunkBytes = CHUNK_OFFSET_BYTES + (int) request.lengthBytes();
            writeChunk(buffer, request, NbdProtocol.CHUNK_OFFSET_DATA, chunkBytes);
            buffer.writeLong(request.offsetBytes());
        } else {
            write(buffer, request, NbdProtocol.OK, false);
        }
        assert buffer.writerIndex() == readHeaderBytes(isStructured);
        buffer.writerIndex(end);
    }

    /// Writes a reply without data.
    ///
    /// @param isStructured whether structured replies were negotiated
    static void write(ByteBuf out, NbdRequest request, int error, boolean isStructured) {
        boolean mustBe =
                request.type() == NbdProtocol.CMD_READ
                        || request.type() == NbdProtocol.CMD_BLOCK_STATUS;
        if (!isStructured || !mustBe) {
            out.writeInt(NbdProtocol.SIMPLE_REPLY_MAGIC)
                    .writeInt(error)
                    .writeLong(request.cookie());
        } else if (error == NbdProtocol.OK) {
            writeChunk(out, request, NbdProtocol.CHUNK_NONE, 0);
        } else {
            writeChunk(out, request, NbdProtocol.CHUNK_ERROR, CHUNK_ERROR_BYTES);
            out.writeInt(error).writeShort(0);
        }
    }

    /// How long the reply to a BLOCK_STATUS can get, with the states it is made of.
    static long statusBytesMax(long lengthBytes) {
        long blocks = lengthBytes / NbdProtocol.BLOCK_BYTES_PREFERRED + 2;
        return CHUNK_BYTES + Integer.BYTES + (EXTENT_BYTES + 1) * blocks;
    }

    /// Writes what a disk holds from the request's offset on.
    ///
    /// @param states of the blocks that the range touches, codes of [BlockState]
    static void writeStatus(ByteBuf out, NbdRequest request, byte[] states) {
        int start = out.writerIndex();
        writeChunk(out, request, NbdProtocol.CHUNK_BLOCK_STATUS, 0);
        out.writeInt(NbdMetaContexts.ALLOCATION_ID);
        boolean isOneEnough = (request.flags() & NbdProtocol.CMD_FLAG_REQ_ONE) != 0;
        long block = request.offsetBytes() / NbdProtocol.BLOCK_BYTES_PREFERRED;
        long at = request.offsetBytes();
        long end = request.offsetBytes() + request.lengthBytes();
        int first = 0;
        while (first < states.length) {
            int next = first + 1;
            while (next < states.length && stateOf(states[next]) == stateOf(states[first])) {
                next++;
            }
            long until = Math.min(end, (block + next) * NbdProtocol.BLOCK_BYTES_PREFERRED);
            out.writeInt((int) (until - at)).writeInt(stateOf(states[first]));
            at = until;
            first = isOneEnough ? states.length : next;
        }
        out.setInt(start + CHUNK_BYTES - Integer.BYTES, out.writerIndex() - start - CHUNK_BYTES);
    }

    private static int stateOf(byte code) {
        return BlockState.of(code) == BlockState.DATA
                ? 0
                : NbdProtocol.STATE_HOLE | NbdProtocol.STATE_ZERO;
    }

    private static void writeChunk(ByteBuf out, NbdRequest request, int type, int lengthBytes) {
        out.writeInt(NbdProtocol.STRUCTURED_REPLY_MAGIC)
                .writeShort(NbdProtocol.CHUNK_FLAG_DONE)
                .writeShort(type)
                .writeLong(request.cookie())
                .writeInt(lengthBytes);
    }
}
