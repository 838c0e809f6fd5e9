package weft.vswitch.service;

import weft.vswitch.packet.EthernetView;

import java.nio.ByteBuffer;

/// A frame that the switch makes: its bytes from 0 on. Reused for answer after answer.
public final class Answer {
    /// Longer than any answer, and no longer than the smallest MTU allows.
    static final int BYTES_MAX = 14 + 1280;

    /// Of a frame without FCS (IEEE 802.3, 3.2.7).
    private static final int FRAME_BYTES_MIN = 60;

    private final byte[] bytes = new byte[BYTES_MAX];
    private final ByteBuffer buffer = ByteBuffer.wrap(bytes);

    /// Begins a frame with its Ethernet header; returns where the rest goes.
    ByteBuffer begin(long destination, long source, int type) {
        buffer.clear();
        address(destination);
        address(source);
        buffer.putShort((short) type);
        assert buffer.position() == EthernetView.HEADER_BYTES;
        return buffer;
    }

    /// Appends a link address.
    void address(long mac) {
        buffer.putShort((short) (mac >>> 32)).putInt((int) mac);
    }

    /// Pads what was put to the least that a frame has.
    void end() {
        zeroes(FRAME_BYTES_MIN - buffer.position());
    }

    /// Appends zeroes, if the count is above 0.
    void zeroes(int count) {
        for (int i = 0; i < count; i++) {
            buffer.put((byte) 0);
        }
    }

    /// The array the frame lies in, from 0 on.
    public byte[] bytes() {
        return bytes;
    }

    /// Its length without FCS.
    public int lengthBytes() {
        return buffer.position();
    }
}
