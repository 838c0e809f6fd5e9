package weft.transport;

import weft.wire.CountedMemory;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.zip.CRC32C;

/// One message on its way. Final in form:
///
/// ```text
///   payload length 4 | type id 2 | flags 1 | zero 1 | request id 8 | checksum 4 | payload
/// ```
///
/// The checksum is CRC32C of all that is before and behind it: TCP's own finds 65,535 of 65,536
/// damages, and what is damaged on its way to a journal would be so in all copies. It costs 0.15 µs
/// for 4 KiB and 28 µs for 1 MiB at each end.
///
/// Request id 0 is a one-way message. An answer carries the id of its request and [#ANSWER]; with
/// [#FAILURE] its payload is a reason instead of a message.
///
/// @param payload from position to limit
/// @param memory in which that is
record Envelope(int typeId, int flags, long requestId, ByteBuffer payload, CountedMemory memory) {
    static final int HEAD_BYTES = 20;
    static final int CHECKSUM_AT = 16;
    static final int ANSWER = 1;
    static final int FAILURE = 2;

    /// A whole chunk (4 MiB) with its checksums (4 KiB) and headers; longer ones are garbage.
    static final int PAYLOAD_BYTES_MAX = (4 << 20) + (256 << 10);

    int lengthBytes() {
        return HEAD_BYTES + payload.remaining();
    }

    /// Whether the message is as it was sent.
    static boolean isWhole(byte[] head, ByteBuffer payload) {
        return ByteBuffer.wrap(head).getInt(CHECKSUM_AT) == checksum(head, List.of(payload));
    }

    static int checksum(byte[] head, List<ByteBuffer> payload) {
        var checksum = new CRC32C();
        checksum.update(head, 0, CHECKSUM_AT);
        for (ByteBuffer part : payload) {
            checksum.update(part.duplicate());
        }
        return (int) checksum.getValue();
    }

    /// An encoded message waiting for its connection.
    ///
    /// @param memory of long parts of the payload, held by the message
    record Outgoing(byte[] head, List<ByteBuffer> payload, int lengthBytes, CountedMemory memory) {
        static Outgoing of(
                int typeId,
                int flags,
                long requestId,
                int payloadBytes,
                List<ByteBuffer> payload,
                CountedMemory memory) {
            if (payloadBytes > PAYLOAD_BYTES_MAX) {
                throw new IllegalArgumentException(
                        "a message of %d bytes, longest is %d"
                                .formatted(payloadBytes, PAYLOAD_BYTES_MAX));
            }
            ByteBuffer head = ByteBuffer.allocate(HEAD_BYTES);
            head.putInt(payloadBytes)
                    .putShort((short) typeId)
                    .put((byte) flags)
                    .put((byte) 0)
                    .putLong(requestId)
                    .putInt(checksum(head.array(), payload));
            return new Outgoing(head.array(), payload, HEAD_BYTES + payloadBytes, memory);
        }
    }
}
