package weft.transport;

import java.nio.ByteBuffer;
import java.util.List;

/// One message on its way. Final in form:
///
/// ```text
///   payload length 4 | type id 2 | flags 1 | zero 1 | request id 8 | payload
/// ```
///
/// Request id 0 is a one-way message. An answer carries the id of its request and [#ANSWER]; with
/// [#FAILURE] its payload is a reason instead of a message.
record Envelope(int typeId, int flags, long requestId, byte[] payload) {
    static final int HEAD_BYTES = 16;
    static final int ANSWER = 1;
    static final int FAILURE = 2;

    /// A whole chunk (4 MiB) with its checksums (4 KiB) and headers; longer ones are garbage.
    static final int PAYLOAD_BYTES_MAX = (4 << 20) + (256 << 10);

    /// An encoded message waiting for its connection.
    record Outgoing(byte[] head, List<ByteBuffer> payload, int lengthBytes) {
        static Outgoing of(
                int typeId, int flags, long requestId, int payloadBytes, List<ByteBuffer> payload) {
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
                    .putLong(requestId);
            return new Outgoing(head.array(), payload, HEAD_BYTES + payloadBytes);
        }
    }
}
