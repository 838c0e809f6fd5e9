package weft.wire.vm;

import weft.wire.MalformedMessage;
import weft.wire.MessageFamily;
import weft.wire.WireReader;
import weft.wire.WireWriter;
import weft.wire.vm.VmMessage.AskEngine;
import weft.wire.vm.VmMessage.Engine;
import weft.wire.vm.VmMessage.NotHere;

/// The bytes of [VmMessage]s:
///
/// ```text
///   0x0601 AskEngine  vm: length 4, UTF-8
///   0x0602 Engine     name: length 4, UTF-8 | instructions 8 | translated 8 | interpreted 8
///                     | code bytes 8 | limit of code bytes 8
///   0x0603 NotHere    reason: length 4, UTF-8
/// ```
public final class VmFamily implements MessageFamily<VmMessage> {
    private static final int NAME_BYTES_MAX = 200;
    private static final int REASON_BYTES_MAX = 4096;

    @Override
    public int rangeByte() {
        return VM;
    }

    @Override
    public Class<VmMessage> messages() {
        return VmMessage.class;
    }

    @Override
    public int typeIdOf(VmMessage message) {
        int index =
                switch (message) {
                    case AskEngine _ -> 1;
                    case Engine _ -> 2;
                    case NotHere _ -> 3;
                };
        return VM << 8 | index;
    }

    @Override
    public void encode(VmMessage message, WireWriter out) {
        switch (message) {
            case AskEngine ask -> out.putString(ask.vm());
            case Engine engine -> {
                out.putString(engine.name());
                out.putLong(engine.instructions());
                out.putLong(engine.translated());
                out.putLong(engine.interpreted());
                out.putLong(engine.codeBytes());
                out.putLong(engine.codeBytesMax());
            }
            case NotHere notHere -> out.putString(notHere.reason());
        }
    }

    @Override
    public VmMessage decodeFields(int typeId, WireReader in) throws MalformedMessage {
        return switch (typeId & 0xff) {
            case 1 -> new AskEngine(in.readString(NAME_BYTES_MAX));
            case 2 ->
                    new Engine(
                            in.readString(NAME_BYTES_MAX),
                            in.readLong(),
                            in.readLong(),
                            in.readLong(),
                            in.readLong(),
                            in.readLong());
            case 3 -> new NotHere(in.readString(REASON_BYTES_MAX));
            default ->
                    throw new MalformedMessage("no VM message has type 0x%04x".formatted(typeId));
        };
    }
}
