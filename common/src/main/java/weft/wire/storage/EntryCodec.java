package weft.wire.storage;

import weft.fabric.ChunkKey;
import weft.fabric.StoreId;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.wire.MalformedMessage;
import weft.wire.WireReader;
import weft.wire.WireWriter;

import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/// The bytes of an [Entry], on the wire and in journals alike:
///
/// ```text
///   version 8 | sequence 8 | session 8 | request sequence 8 | lowest unfinished 8 | token 8
///   mutation: kind 1
///     1 write     layers | chunk index 8 | offset 4 | payload length 4, bytes | checksums length 4, bytes
///     2 zero      layers | chunk index 8 | offset 4 | length 4
///     3 discard   as zero
///     4 token     volume 8 | token 8
///     5 drop      layer 8
///     6 forget    volume 8
///     7 fill      as write
///     8 copy down upper layer 8 | lower layer 8 | chunk index 8 | offset 4 | length 4
///     9 cover     as zero
///    10 trim      as zero
///    11 token     volume 8 | token 8 | sessions from 8, less than the token
///   layers: count 4 | volume ids, 8 each, top first
/// ```
public final class EntryCodec {
    private static final int WRITE = 1;
    private static final int ZERO = 2;
    private static final int DISCARD = 3;
    private static final int RAISE_TOKEN = 4;
    private static final int DROP_LAYER = 5;
    private static final int FORGET_VOLUME = 6;
    private static final int FILL = 7;
    private static final int COPY_DOWN = 8;
    private static final int COVER = 9;
    private static final int TRIM = 10;
    private static final int RAISE_TOKEN_FOR_MORE = 11;

    private EntryCodec() {}

    /// Writes an entry.
    public static void put(Entry entry, WireWriter out) {
        out.putLong(entry.version());
        out.putLong(entry.sequence());
        out.putLong(entry.session());
        out.putLong(entry.requestSequence());
        out.putLong(entry.lowestUnfinished());
        out.putLong(entry.token());
        putMutation(entry.mutation(), out);
    }

    /// Reads an entry.
    ///
    /// @throws MalformedMessage if the bytes are none; also as IllegalArgumentException
    public static Entry get(WireReader in) throws MalformedMessage {
        return new Entry(
                count(in), count(in), count(in), count(in), count(in), count(in), mutation(in));
    }

    static void putMutation(Mutation mutation, WireWriter out) {
        switch (mutation) {
            case Mutation.Write m -> {
                out.putByte(WRITE);
                putLayers(m.layers(), out);
                out.putLong(m.chunkIndex());
                out.putInt(m.offsetInChunk());
                out.putBytes(m.payload());
                out.putBytes(m.checksums());
            }
            case Mutation.Zero m -> putRange(ZERO, m, out);
            case Mutation.Discard m -> putRange(DISCARD, m, out);
            case Mutation.Cover m -> putRange(COVER, m, out);
            case Mutation.Trim m -> putRange(TRIM, m, out);
            case Mutation.RaiseToken m -> {
                boolean alone = m.sessionsFrom() == m.token();
                out.putByte(alone ? RAISE_TOKEN : RAISE_TOKEN_FOR_MORE);
                out.putLong(m.volume().value());
                out.putLong(m.token());
                if (!alone) {
                    out.putLong(m.sessionsFrom());
                }
            }
            case Mutation.DropLayer m -> {
                out.putByte(DROP_LAYER);
                out.putLong(m.layer().value());
            }
            case Mutation.Fill m -> {
                out.putByte(FILL);
                putLayers(m.layers(), out);
                out.putLong(m.chunkIndex());
                out.putInt(m.offsetInChunk());
                out.putBytes(m.payload());
                out.putBytes(m.checksums());
            }
            case Mutation.CopyDown m -> {
                out.putByte(COPY_DOWN);
                out.putLong(m.upper().value());
                out.putLong(m.lower().value());
                out.putLong(m.chunkIndex());
                out.putInt(m.offsetInChunk());
                out.putInt(m.lengthBytes());
            }
            case Mutation.ForgetVolume m -> {
                out.putByte(FORGET_VOLUME);
                out.putLong(m.volume().value());
            }
        }
    }

    private static void putRange(int kind, Mutation.OfChunk m, WireWriter out) {
        out.putByte(kind);
        putLayers(m.layers(), out);
        out.putLong(m.chunkIndex());
        out.putInt(m.offsetInChunk());
        out.putInt(m.lengthBytes());
    }

    static Mutation mutation(WireReader in) throws MalformedMessage {
        int kind = in.readByte();
        return switch (kind) {
            case WRITE ->
                    new Mutation.Write(
                            layers(in),
                            in.readLong(),
                            in.readInt(),
                            in.readBytes(ChunkKey.CHUNK_BYTES),
                            in.readBytes(4 * ChunkKey.CHUNK_BLOCKS),
                            in.memory());
            case ZERO -> new Mutation.Zero(layers(in), in.readLong(), in.readInt(), in.readInt());
            case DISCARD ->
                    new Mutation.Discard(layers(in), in.readLong(), in.readInt(), in.readInt());
            case COVER -> new Mutation.Cover(layers(in), in.readLong(), in.readInt(), in.readInt());
            case TRIM -> new Mutation.Trim(layers(in), in.readLong(), in.readInt(), in.readInt());
            case RAISE_TOKEN -> new Mutation.RaiseToken(new VolumeId(in.readLong()), count(in));
            case RAISE_TOKEN_FOR_MORE -> raiseTokenForMore(in);
            case DROP_LAYER -> new Mutation.DropLayer(new VolumeId(in.readLong()));
            case FORGET_VOLUME -> new Mutation.ForgetVolume(new VolumeId(in.readLong()));
            case FILL ->
                    new Mutation.Fill(
                            layers(in),
                            in.readLong(),
                            in.readInt(),
                            in.readBytes(ChunkKey.CHUNK_BYTES),
                            in.readBytes(4 * ChunkKey.CHUNK_BLOCKS));
            case COPY_DOWN ->
                    new Mutation.CopyDown(
                            new VolumeId(in.readLong()),
                            new VolumeId(in.readLong()),
                            in.readLong(),
                            in.readInt(),
                            in.readInt());
            default -> throw new MalformedMessage("mutation kind " + kind);
        };
    }

    private static Mutation raiseTokenForMore(WireReader in) throws MalformedMessage {
        var raise = new Mutation.RaiseToken(new VolumeId(in.readLong()), count(in), count(in));
        if (raise.sessionsFrom() == raise.token()) {
            throw new MalformedMessage("a token for more that is for one");
        }
        return raise;
    }

    static void putLayers(List<VolumeId> layers, WireWriter out) {
        out.putInt(layers.size());
        for (VolumeId layer : layers) {
            out.putLong(layer.value());
        }
    }

    static List<VolumeId> layers(WireReader in) throws MalformedMessage {
        int count = in.readCount(8);
        if (count > Volume.LAYERS_MAX) {
            throw new MalformedMessage(count + " layers");
        }
        List<VolumeId> layers = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            layers.add(new VolumeId(in.readLong()));
        }
        return layers;
    }

    /// Writes a store's id: 16 bytes.
    public static void putStore(StoreId store, WireWriter out) {
        out.putLong(store.uuid().getMostSignificantBits());
        out.putLong(store.uuid().getLeastSignificantBits());
    }

    /// Reads a store's id.
    public static StoreId store(WireReader in) throws MalformedMessage {
        return new StoreId(new UUID(in.readLong(), in.readLong()));
    }

    static long count(WireReader in) throws MalformedMessage {
        long value = in.readLong();
        if (value < 0) {
            throw new MalformedMessage("negative number " + value);
        }
        return value;
    }
}
