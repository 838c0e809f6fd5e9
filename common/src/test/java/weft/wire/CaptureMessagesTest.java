package weft.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

import weft.wire.capture.CaptureFamily;
import weft.wire.capture.CaptureMessage;
import weft.wire.capture.CaptureMessage.CapturedFrame;
import weft.wire.capture.CaptureMessage.Direction;

import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.List;

/// The messages between a host and a capture's client.
class CaptureMessagesTest {
    private static final CaptureFamily FAMILY = new CaptureFamily();

    @Test
    void everyMessageComesBackAsItWasSent() throws MalformedMessage {
        for (CaptureMessage message : WireSamples.capture()) {
            assertEquals(
                    message,
                    FAMILY.decode(FAMILY.typeIdOf(message), new WireReader(bytesOf(message))));
        }
    }

    @Test
    void everyCutMessageIsMalformed() {
        for (CaptureMessage message : WireSamples.capture()) {
            byte[] bytes = bytesOf(message);
            for (int length = 0; length < bytes.length; length++) {
                var cut = new WireReader(ByteBuffer.wrap(bytes, 0, length));
                assertThrows(
                        MalformedMessage.class, () -> FAMILY.decode(FAMILY.typeIdOf(message), cut));
            }
        }
    }

    @Test
    void aDirectionNobodyKnowsIsMalformed() {
        var out = new WireWriter();
        out.putLong(0);
        out.putInt(1);
        out.putLong(0);
        out.putByte(4);
        out.putString("");
        out.putBytes(new byte[14]);
        assertThrows(
                MalformedMessage.class, () -> FAMILY.decode(0x0505, new WireReader(out.toBytes())));
    }

    @Test
    void moreFramesThanAHostKeepsAreMalformed() {
        var frame = new CapturedFrame(0, Direction.TO_PORT, "", ByteBuffer.allocate(14));
        int count = CaptureMessage.KEPT_FRAMES_MAX + 1;
        var message = new CaptureMessage.Frames(0, Collections.nCopies(count, frame));
        assertThrows(
                MalformedMessage.class,
                () -> FAMILY.decode(0x0505, new WireReader(bytesOf(message))));
    }

    @Test
    void aFrameTakesNoMoreBytesThanItIsCountedFor() {
        var frame = new CapturedFrame(0, Direction.TO_PORT, "büro-0", ByteBuffer.allocate(60));
        int none = bytesOf(new CaptureMessage.Frames(0, List.of())).length;
        int one = bytesOf(new CaptureMessage.Frames(0, List.of(frame))).length;
        assertEquals(17 + 60 + 7, one - none);
        assertEquals(17 + 60 + 18, frame.keptBytes());
    }

    private static byte[] bytesOf(CaptureMessage message) {
        var out = new WireWriter();
        FAMILY.encode(message, out);
        return out.toBytes();
    }
}
