package weft.wire.audit;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.fabric.VolumeId;
import weft.wire.MalformedMessage;
import weft.wire.MessageFamily;
import weft.wire.WireReader;
import weft.wire.WireWriter;
import weft.wire.audit.AuditMessage.ChunkDigest;
import weft.wire.audit.AuditMessage.DigestRequest;
import weft.wire.audit.AuditMessage.GroupDigest;
import weft.wire.audit.AuditMessage.LayerSpace;
import weft.wire.audit.AuditMessage.LightStatus;
import weft.wire.audit.AuditMessage.ScrubKind;
import weft.wire.audit.AuditMessage.ScrubRequest;
import weft.wire.audit.AuditMessage.ScrubStatus;
import weft.wire.audit.AuditMessage.Space;
import weft.wire.audit.AuditMessage.SpaceRequest;
import weft.wire.storage.ChunkStamp;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/// The bytes of the audit protocol, big-endian:
///
/// ```text
///   0x0401 digest request  store 16 | group 4 | after: 0, or 1 and layer 8, chunk index 8
///   0x0402 group digest    group 4 | held 1 | count 4, each: layer 8, chunk index 8, version 8,
///                          sequence 8, crc 4 | last 1
///   0x0403 space request   store 16 | after: 0, or 1 and layer 8
///   0x0404 space           store 16 | used bytes 8 | free bytes 8 | count 4, each: layer 8, stored
///                          bytes 8 | last 1
///   0x0405 scrub request   store 16 | begin 1: 0 nothing, 1 deep, 2 light
///   0x0406 scrub status    store 16 | chunk bytes 8 | due groups 4 | verified bytes 8 | repaired 8 |
///                          lost 8 | skipped groups 8 | count 4, each: a string | verified at 8
///                          light: due groups 4 | compared 8 | differing 8 | skipped groups 8 |
///                          count 4, each: a string | compared at 8
/// ```
public final class AuditCodec implements MessageFamily<AuditMessage> {
    private static final int DIGEST_REQUEST = 0x0401;
    private static final int GROUP_DIGEST = 0x0402;
    private static final int SPACE_REQUEST = 0x0403;
    private static final int SPACE = 0x0404;
    private static final int SCRUB_REQUEST = 0x0405;
    private static final int SCRUB_STATUS = 0x0406;
    private static final int CHUNK_DIGEST_BYTES = 36;
    private static final int LAYER_SPACE_BYTES = 16;
    private static final int LOSS_BYTES_MIN = 4;
    private static final ScrubKind[] SCRUB_KINDS = ScrubKind.values();

    @Override
    public int rangeByte() {
        return AUDIT;
    }

    @Override
    public Class<AuditMessage> messages() {
        return AuditMessage.class;
    }

    @Override
    public int typeIdOf(AuditMessage message) {
        return switch (message) {
            case DigestRequest _ -> DIGEST_REQUEST;
            case GroupDigest _ -> GROUP_DIGEST;
            case SpaceRequest _ -> SPACE_REQUEST;
            case Space _ -> SPACE;
            case ScrubRequest _ -> SCRUB_REQUEST;
            case ScrubStatus _ -> SCRUB_STATUS;
        };
    }

    @Override
    public void encode(AuditMessage message, WireWriter out) {
        switch (message) {
            case DigestRequest m -> {
                putStore(m.store(), out);
                out.putInt(m.pg().value());
                out.putBoolean(m.after().isPresent());
                m.after().ifPresent(key -> putKey(key, out));
            }
            case GroupDigest m -> {
                out.putInt(m.pg().value());
                out.putBoolean(m.held());
                out.putInt(m.chunks().size());
                for (ChunkDigest chunk : m.chunks()) {
                    putKey(chunk.stamp().key(), out);
                    out.putLong(chunk.stamp().version());
                    out.putLong(chunk.stamp().sequence());
                    out.putInt(chunk.crc());
                }
                out.putBoolean(m.last());
            }
            case SpaceRequest m -> {
                putStore(m.store(), out);
                out.putBoolean(m.after().isPresent());
                m.after().ifPresent(layer -> out.putLong(layer.value()));
            }
            case ScrubRequest m -> {
                putStore(m.store(), out);
                out.putByte(m.begin().ordinal());
            }
            case ScrubStatus m -> {
                putStore(m.store(), out);
                out.putLong(m.chunkBytes());
                out.putInt(m.dueGroups());
                out.putLong(m.verifiedBytes());
                out.putLong(m.repairedBlocks());
                out.putLong(m.lostBlocks());
                out.putLong(m.skippedGroups());
                out.putInt(m.losses().size());
                m.losses().forEach(out::putString);
                out.putLong(m.verifiedMillis());
                putLight(m.light(), out);
            }
            case Space m -> {
                putStore(m.store(), out);
                out.putLong(m.usedBytes());
                out.putLong(m.freeBytes());
                out.putInt(m.layers().size());
                for (LayerSpace layer : m.layers()) {
                    out.putLong(layer.layer().value());
                    out.putLong(layer.storedBytes());
                }
                out.putBoolean(m.last());
            }
        }
    }

    private static void putLight(LightStatus light, WireWriter out) {
        out.putInt(light.dueGroups());
        out.putLong(light.comparedChunks());
        out.putLong(light.differingChunks());
        out.putLong(light.skippedGroups());
        out.putInt(light.differences().size());
        light.differences().forEach(out::putString);
        out.putLong(light.comparedMillis());
    }

    private static void putStore(StoreId store, WireWriter out) {
        out.putLong(store.uuid().getMostSignificantBits());
        out.putLong(store.uuid().getLeastSignificantBits());
    }

    private static void putKey(ChunkKey key, WireWriter out) {
        out.putLong(key.layer().value());
        out.putLong(key.chunkIndex());
    }

    @Override
    public AuditMessage decodeFields(int typeId, WireReader in) throws MalformedMessage {
        return switch (typeId) {
            case DIGEST_REQUEST ->
                    new DigestRequest(
                            store(in),
                            new PlacementGroupId(in.readInt()),
                            in.readBoolean() ? Optional.of(key(in)) : Optional.empty());
            case GROUP_DIGEST ->
                    new GroupDigest(
                            new PlacementGroupId(in.readInt()),
                            in.readBoolean(),
                            chunks(in),
                            in.readBoolean());
            case SPACE_REQUEST ->
                    new SpaceRequest(
                            store(in),
                            in.readBoolean()
                                    ? Optional.of(new VolumeId(in.readLong()))
                                    : Optional.empty());
            case SPACE ->
                    new Space(
                            store(in), in.readLong(), in.readLong(), layers(in), in.readBoolean());
            case SCRUB_REQUEST -> new ScrubRequest(store(in), scrubKind(in));
            case SCRUB_STATUS ->
                    new ScrubStatus(
                            store(in),
                            in.readLong(),
                            in.readInt(),
                            in.readLong(),
                            in.readLong(),
                            in.readLong(),
                            in.readLong(),
                            losses(in),
                            in.readLong(),
                            light(in));
            default -> throw new MalformedMessage("audit message type %#x".formatted(typeId));
        };
    }

    private static ScrubKind scrubKind(WireReader in) throws MalformedMessage {
        int kind = in.readByte();
        if (kind < 0 || kind >= SCRUB_KINDS.length) {
            throw new MalformedMessage("scrub kind " + kind);
        }
        return SCRUB_KINDS[kind];
    }

    private static LightStatus light(WireReader in) throws MalformedMessage {
        return new LightStatus(
                in.readInt(),
                in.readLong(),
                in.readLong(),
                in.readLong(),
                losses(in),
                in.readLong());
    }

    private static List<ChunkDigest> chunks(WireReader in) throws MalformedMessage {
        int count = in.readCount(CHUNK_DIGEST_BYTES);
        List<ChunkDigest> chunks = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            chunks.add(
                    new ChunkDigest(
                            new ChunkStamp(key(in), in.readLong(), in.readLong()), in.readInt()));
        }
        return chunks;
    }

    private static List<LayerSpace> layers(WireReader in) throws MalformedMessage {
        int count = in.readCount(LAYER_SPACE_BYTES);
        List<LayerSpace> layers = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            layers.add(new LayerSpace(new VolumeId(in.readLong()), in.readLong()));
        }
        return layers;
    }

    private static List<String> losses(WireReader in) throws MalformedMessage {
        int count = in.readCount(LOSS_BYTES_MIN);
        if (count > AuditMessage.LOSSES_MAX) {
            throw new MalformedMessage(count + " losses");
        }
        List<String> losses = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            losses.add(in.readString(AuditMessage.LOSS_BYTES_MAX));
        }
        return losses;
    }

    private static StoreId store(WireReader in) throws MalformedMessage {
        return new StoreId(new UUID(in.readLong(), in.readLong()));
    }

    private static ChunkKey key(WireReader in) throws MalformedMessage {
        return new ChunkKey(new VolumeId(in.readLong()), in.readLong());
    }
}
