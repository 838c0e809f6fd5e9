package weft.wire.capture;

import weft.wire.MalformedMessage;
import weft.wire.MessageFamily;
import weft.wire.WireReader;
import weft.wire.WireWriter;
import weft.wire.capture.CaptureMessage.CapturedFrame;
import weft.wire.capture.CaptureMessage.Direction;
import weft.wire.capture.CaptureMessage.Frames;
import weft.wire.capture.CaptureMessage.Read;
import weft.wire.capture.CaptureMessage.Refused;
import weft.wire.capture.CaptureMessage.Scope;
import weft.wire.capture.CaptureMessage.Start;
import weft.wire.capture.CaptureMessage.Started;
import weft.wire.capture.CaptureMessage.Stop;

import java.util.ArrayList;
import java.util.List;

/// The bytes of [CaptureMessage]s:
///
/// ```text
///   0x0501 Start    scope 1 (0 network, 1 port) | name: length 4, UTF-8
///   0x0502 Started  id 8
///   0x0503 Refused  reason: length 4, UTF-8
///   0x0504 Read     id 8 | patience in ms 4
///   0x0505 Frames   lost 8 | count 4, each: time in ns since 1970 8, direction 1 (0 from port,
///                   1 to port, 2 from tunnel, 3 to tunnel), where: length 4, UTF-8,
///                   frame: length 4, bytes
///   0x0506 Stop     id 8
/// ```
public final class CaptureFamily implements MessageFamily<CaptureMessage> {
    private static final int NAME_BYTES_MAX = 200;
    private static final int REASON_BYTES_MAX = 4096;

    /// Time, direction and two lengths.
    private static final int FRAME_RECORD_BYTES_MIN = 17;

    /// Longer than any frame that a switch takes: those end a little above 64 KiB.
    private static final int FRAME_BYTES_MAX = 128 << 10;

    @Override
    public int rangeByte() {
        return CAPTURE;
    }

    @Override
    public Class<CaptureMessage> messages() {
        return CaptureMessage.class;
    }

    @Override
    public int typeIdOf(CaptureMessage message) {
        int index =
                switch (message) {
                    case Start _ -> 1;
                    case Started _ -> 2;
                    case Refused _ -> 3;
                    case Read _ -> 4;
                    case Frames _ -> 5;
                    case Stop _ -> 6;
                };
        return CAPTURE << 8 | index;
    }

    @Override
    public void encode(CaptureMessage message, WireWriter out) {
        switch (message) {
            case Start start -> {
                out.putByte(
                        switch (start.scope()) {
                            case NETWORK -> 0;
                            case PORT -> 1;
                        });
                out.putString(start.name());
            }
            case Started started -> out.putLong(started.id());
            case Refused refused -> out.putString(refused.reason());
            case Read read -> {
                out.putLong(read.id());
                out.putInt(read.patienceMillis());
            }
            case Frames frames -> {
                out.putLong(frames.lost());
                out.putInt(frames.frames().size());
                frames.frames().forEach(frame -> encode(frame, out));
            }
            case Stop stop -> out.putLong(stop.id());
        }
    }

    private static void encode(CapturedFrame frame, WireWriter out) {
        out.putLong(frame.epochNanos());
        out.putByte(
                switch (frame.direction()) {
                    case FROM_PORT -> 0;
                    case TO_PORT -> 1;
                    case FROM_TUNNEL -> 2;
                    case TO_TUNNEL -> 3;
                });
        out.putString(frame.where());
        out.putBytes(frame.bytes());
    }

    @Override
    public CaptureMessage decodeFields(int typeId, WireReader in) throws MalformedMessage {
        return switch (typeId & 0xff) {
            case 1 -> new Start(readScope(in), in.readString(NAME_BYTES_MAX));
            case 2 -> new Started(in.readLong());
            case 3 -> new Refused(in.readString(REASON_BYTES_MAX));
            case 4 -> new Read(in.readLong(), in.readInt());
            case 5 -> new Frames(in.readLong(), readFrames(in));
            case 6 -> new Stop(in.readLong());
            default ->
                    throw new MalformedMessage(
                            "no capture message has type 0x%04x".formatted(typeId));
        };
    }

    private static Scope readScope(WireReader in) throws MalformedMessage {
        int code = in.readByte();
        return switch (code) {
            case 0 -> Scope.NETWORK;
            case 1 -> Scope.PORT;
            default -> throw new MalformedMessage("no scope of a capture has code " + code);
        };
    }

    private static List<CapturedFrame> readFrames(WireReader in) throws MalformedMessage {
        int count = in.readCount(FRAME_RECORD_BYTES_MIN);
        if (count > CaptureMessage.KEPT_FRAMES_MAX) {
            throw new MalformedMessage("%d frames in one message".formatted(count));
        }
        List<CapturedFrame> frames = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            long epochNanos = in.readLong();
            Direction direction = readDirection(in);
            String where = in.readString(NAME_BYTES_MAX);
            frames.add(
                    new CapturedFrame(epochNanos, direction, where, in.readBytes(FRAME_BYTES_MAX)));
        }
        return frames;
    }

    private static Direction readDirection(WireReader in) throws MalformedMessage {
        int code = in.readByte();
        return switch (code) {
            case 0 -> Direction.FROM_PORT;
            case 1 -> Direction.TO_PORT;
            case 2 -> Direction.FROM_TUNNEL;
            case 3 -> Direction.TO_TUNNEL;
            default -> throw new MalformedMessage("no direction of a frame has code " + code);
        };
    }
}
