package weft.wire.console;

import weft.wire.MalformedMessage;
import weft.wire.MessageFamily;
import weft.wire.WireReader;
import weft.wire.WireWriter;
import weft.wire.console.ConsoleMessage.NotHere;
import weft.wire.console.ConsoleMessage.Output;
import weft.wire.console.ConsoleMessage.Read;
import weft.wire.console.ConsoleMessage.Write;
import weft.wire.console.ConsoleMessage.Written;

/// The bytes of [ConsoleMessage]s:
///
/// ```text
///   0x0301 Read     vm: length 4, UTF-8 | offset 8
///   0x0302 Write    vm: length 4, UTF-8 | input: length 4, bytes
///   0x0303 Output   next offset 8 | output: length 4, bytes
///   0x0304 Written  accepted 4
///   0x0305 NotHere  reason: length 4, UTF-8
/// ```
public final class ConsoleFamily implements MessageFamily<ConsoleMessage> {
    private static final int NAME_BYTES_MAX = 200;
    private static final int REASON_BYTES_MAX = 4096;

    @Override
    public int rangeByte() {
        return CONSOLE;
    }

    @Override
    public Class<ConsoleMessage> messages() {
        return ConsoleMessage.class;
    }

    @Override
    public int typeIdOf(ConsoleMessage message) {
        int index =
                switch (message) {
                    case Read _ -> 1;
                    case Write _ -> 2;
                    case Output _ -> 3;
                    case Written _ -> 4;
                    case NotHere _ -> 5;
                };
        return CONSOLE << 8 | index;
    }

    @Override
    public void encode(ConsoleMessage message, WireWriter out) {
        switch (message) {
            case Read read -> {
                out.putString(read.vm());
                out.putLong(read.offsetBytes());
            }
            case Write write -> {
                out.putString(write.vm());
                out.putBytes(write.input());
            }
            case Output output -> {
                out.putLong(output.nextOffsetBytes());
                out.putBytes(output.bytes());
            }
            case Written written -> out.putInt(written.acceptedBytes());
            case NotHere notHere -> out.putString(notHere.reason());
        }
    }

    @Override
    public ConsoleMessage decodeFields(int typeId, WireReader in) throws MalformedMessage {
        return switch (typeId & 0xff) {
            case 1 -> new Read(in.readString(NAME_BYTES_MAX), in.readLong());
            case 2 ->
                    new Write(
                            in.readString(NAME_BYTES_MAX),
                            in.readBytes(ConsoleMessage.INPUT_BYTES_MAX));
            case 3 -> {
                long next = in.readLong();
                yield new Output(next, in.readBytes(ConsoleMessage.BACKLOG_BYTES));
            }
            case 4 -> new Written(in.readInt());
            case 5 -> new NotHere(in.readString(REASON_BYTES_MAX));
            default ->
                    throw new MalformedMessage(
                            "no console message has type 0x%04x".formatted(typeId));
        };
    }
}
