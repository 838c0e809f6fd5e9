package weft.storage.nbd;

import io.netty.buffer.ByteBuf;

import java.util.Optional;

/// A request of the transmission phase, 28 bytes, big-endian, then a WRITE's payload:
///
/// ```
/// 0..3 magic 25609513 · 4..5 flags · 6..7 type · 8..15 cookie · 16..23 offset · 24..27 length
/// ```
///
/// @param cookie the client's name for it, sent back in the reply
/// @param offsetBytes unsigned, hostile: [#isWithin] says whether the disk has the range
/// @param lengthBytes 0 to 2^32 - 1
record NbdRequest(int flags, int type, long cookie, long offsetBytes, long lengthBytes) {
    static final int SIZE_BYTES = 28;

    /// What a CACHE reads ahead at most; it is a hint.
    static final int CACHE_BYTES_MAX = 4 << 20;

    /// Consumes a request of which all 28 bytes are there; empty if they are none.
    static Optional<NbdRequest> parse(ByteBuf in) {
        assert in.readableBytes() >= SIZE_BYTES;
        if (in.readInt() != NbdProtocol.REQUEST_MAGIC) {
            return Optional.empty();
        }
        return Optional.of(
                new NbdRequest(
                        in.readUnsignedShort(),
                        in.readUnsignedShort(),
                        in.readLong(),
                        in.readLong(),
                        in.readUnsignedInt()));
    }

    boolean isWithin(long sizeBytes) {
        return offsetBytes >= 0
                && offsetBytes <= sizeBytes
                && lengthBytes <= sizeBytes - offsetBytes;
    }

    boolean isForcedToStableStorage() {
        return (flags & NbdProtocol.CMD_FLAG_FUA) != 0;
    }

    /// How many bytes of ours it takes until it is answered.
    long bufferBytes() {
        return switch (type) {
            case NbdProtocol.CMD_READ, NbdProtocol.CMD_WRITE -> lengthBytes;
            case NbdProtocol.CMD_CACHE -> Math.min(lengthBytes, CACHE_BYTES_MAX);
            case NbdProtocol.CMD_BLOCK_STATUS ->
                    NbdReply.statusBytesMax(Math.min(lengthBytes, NbdProtocol.STATUS_BYTES_MAX));
            default -> 0;
        };
    }

    /// Why it is refused without asking the volume: an error number, or OK.
    int refusal(long sizeBytes, boolean isReadOnly) {
        boolean isWriting =
                type == NbdProtocol.CMD_WRITE
                        || type == NbdProtocol.CMD_TRIM
                        || type == NbdProtocol.CMD_WRITE_ZEROES;
        if ((flags & ~legalFlags()) != 0) {
            return NbdProtocol.EINVAL;
        }
        if (isWriting && isReadOnly) {
            return NbdProtocol.EPERM;
        }
        if (type == NbdProtocol.CMD_FLUSH) {
            return offsetBytes == 0 && lengthBytes == 0 ? NbdProtocol.OK : NbdProtocol.EINVAL;
        }
        boolean isReading =
                type == NbdProtocol.CMD_READ
                        || type == NbdProtocol.CMD_CACHE
                        || type == NbdProtocol.CMD_BLOCK_STATUS && lengthBytes > 0;
        if (!isWriting && !isReading) {
            return NbdProtocol.EINVAL;
        }
        if (!isWithin(sizeBytes)) {
            return type == NbdProtocol.CMD_WRITE || type == NbdProtocol.CMD_WRITE_ZEROES
                    ? NbdProtocol.ENOSPC
                    : NbdProtocol.EINVAL;
        }
        return bufferBytes() > NbdProtocol.PAYLOAD_BYTES_MAX ? NbdProtocol.EINVAL : NbdProtocol.OK;
    }

    private int legalFlags() {
        // FUA is legal on every command once it is offered.
        return NbdProtocol.CMD_FLAG_FUA
                | switch (type) {
                    case NbdProtocol.CMD_READ -> NbdProtocol.CMD_FLAG_DF;
                    case NbdProtocol.CMD_BLOCK_STATUS -> NbdProtocol.CMD_FLAG_REQ_ONE;
                    // Zeroes are one entry for each chunk, whatever their length: always fast.
                    case NbdProtocol.CMD_WRITE_ZEROES ->
                            NbdProtocol.CMD_FLAG_NO_HOLE | NbdProtocol.CMD_FLAG_FAST_ZERO;
                    default -> 0; // numbers of a protocol, not our types
                };
    }
}
