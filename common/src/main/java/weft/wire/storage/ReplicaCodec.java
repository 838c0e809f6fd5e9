package weft.wire.storage;

import weft.fabric.ChunkKey;
import weft.fabric.PlacementGroupId;
import weft.fabric.VolumeId;
import weft.wire.MalformedMessage;
import weft.wire.WireReader;
import weft.wire.WireWriter;
import weft.wire.storage.ReplicaMessage.BlockReply;
import weft.wire.storage.ReplicaMessage.BlockRequest;
import weft.wire.storage.ReplicaMessage.CaughtUp;
import weft.wire.storage.ReplicaMessage.ChunkList;
import weft.wire.storage.ReplicaMessage.ChunkListRequest;
import weft.wire.storage.ReplicaMessage.ChunkReply;
import weft.wire.storage.ReplicaMessage.ChunkRequest;
import weft.wire.storage.ReplicaMessage.CommitPoint;
import weft.wire.storage.ReplicaMessage.JoinAccepted;
import weft.wire.storage.ReplicaMessage.JoinRefused;
import weft.wire.storage.ReplicaMessage.JoinRequest;
import weft.wire.storage.ReplicaMessage.MapsReply;
import weft.wire.storage.ReplicaMessage.MapsRequest;
import weft.wire.storage.ReplicaMessage.NewerVersion;
import weft.wire.storage.ReplicaMessage.Prepare;
import weft.wire.storage.ReplicaMessage.PrepareAck;
import weft.wire.storage.ReplicaMessage.Reconcile;
import weft.wire.storage.ReplicaMessage.ReconcileAck;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// The bytes of a [ReplicaMessage]: kind 1, group 4, version 8, then what the kind has.
final class ReplicaCodec {
    private static final int PREPARE = 1;
    private static final int PREPARE_ACK = 2;
    private static final int COMMIT_POINT = 3;
    private static final int RECONCILE = 4;
    private static final int RECONCILE_ACK = 5;
    private static final int NEWER_VERSION = 6;
    private static final int JOIN_REQUEST = 7;
    private static final int JOIN_ACCEPTED = 8;
    private static final int CHUNK_LIST_REQUEST = 9;
    private static final int CHUNK_LIST = 10;
    private static final int CHUNK_REQUEST = 11;
    private static final int CAUGHT_UP = 13;
    private static final int JOIN_REFUSED = 14;
    private static final int BLOCK_REQUEST = 15;
    private static final int BLOCK_REPLY = 16;
    private static final int MAPS_REQUEST = 17;
    private static final int MAPS_REPLY = 18;
    private static final int CHUNK_REPLY = 19;

    private static final int STAMP_BYTES = 32;
    private static final int MAP_DIGEST_BYTES = STAMP_BYTES + 8;
    private static final int RUN_BYTES_MIN = 16;

    private ReplicaCodec() {}

    private static int kindOf(ReplicaMessage message) {
        return switch (message) {
            case Prepare _ -> PREPARE;
            case PrepareAck _ -> PREPARE_ACK;
            case CommitPoint _ -> COMMIT_POINT;
            case Reconcile _ -> RECONCILE;
            case ReconcileAck _ -> RECONCILE_ACK;
            case NewerVersion _ -> NEWER_VERSION;
            case JoinRequest _ -> JOIN_REQUEST;
            case JoinAccepted _ -> JOIN_ACCEPTED;
            case ChunkListRequest _ -> CHUNK_LIST_REQUEST;
            case ChunkList _ -> CHUNK_LIST;
            case ChunkRequest _ -> CHUNK_REQUEST;
            case ChunkReply _ -> CHUNK_REPLY;
            case CaughtUp _ -> CAUGHT_UP;
            case JoinRefused _ -> JOIN_REFUSED;
            case BlockRequest _ -> BLOCK_REQUEST;
            case BlockReply _ -> BLOCK_REPLY;
            case MapsRequest _ -> MAPS_REQUEST;
            case MapsReply _ -> MAPS_REPLY;
        };
    }

    static void put(ReplicaMessage message, WireWriter out) {
        out.putByte(kindOf(message));
        out.putInt(message.pg().value());
        out.putLong(message.version());
        switch (message) {
            case Prepare m -> {
                out.putLong(m.committedSequence());
                EntryCodec.put(m.entry(), out);
            }
            case PrepareAck m -> {
                out.putLong(m.durableSequence());
                out.putBoolean(m.lacking());
            }
            case CommitPoint m -> out.putLong(m.committedSequence());
            case Reconcile m -> putPair(m.committedSequence(), m.tailSequence(), out);
            case ReconcileAck m -> putPair(m.committedSequence(), m.durableSequence(), out);
            case NewerVersion _ -> {}
            case JoinRequest m -> out.putLong(m.attempt());
            case JoinAccepted m -> {
                out.putLong(m.attempt());
                putPair(m.committedSequence(), m.tailSequence(), out);
                out.putBytes(m.tables());
            }
            case ChunkListRequest m -> {
                out.putLong(m.attempt());
                putOptionalKey(m.after(), out);
            }
            case ChunkList m -> {
                out.putLong(m.attempt());
                putOptionalKey(m.after(), out);
                out.putInt(m.stamps().size());
                m.stamps().forEach(stamp -> putStamp(stamp, out));
                out.putLong(m.committedSequence());
                out.putBoolean(m.last());
            }
            case ChunkRequest m -> {
                out.putLong(m.attempt());
                putKey(m.key(), out);
            }
            case ChunkReply m -> {
                putPair(m.attempt(), m.committedSequence(), out);
                out.putByte(m.busyPercent());
                putKey(m.key(), out);
                putOptionalContent(m.content(), out);
            }
            case CaughtUp m -> putPair(m.attempt(), m.durableSequence(), out);
            case JoinRefused m -> out.putLong(m.attempt());
            case BlockRequest m -> putBlock(m.block(), out);
            case BlockReply m -> {
                putBlock(m.block(), out);
                putOptionalContent(m.content(), out);
            }
            case MapsRequest m -> {
                putPair(m.question(), m.committedSequence(), out);
                putOptionalKey(m.after(), out);
            }
            case MapsReply m -> {
                out.putLong(m.question());
                out.putInt(m.tablesCrc());
                out.putBoolean(m.page().isPresent());
                m.page().ifPresent(page -> putMaps(page, out));
            }
        }
    }

    static ReplicaMessage get(WireReader in) throws MalformedMessage {
        int kind = in.readByte();
        PlacementGroupId pg = StorageCodec.pg(in);
        long version = EntryCodec.count(in);
        return switch (kind) {
            case PREPARE -> new Prepare(pg, version, EntryCodec.count(in), EntryCodec.get(in));
            case PREPARE_ACK -> new PrepareAck(pg, version, EntryCodec.count(in), in.readBoolean());
            case COMMIT_POINT -> new CommitPoint(pg, version, EntryCodec.count(in));
            case RECONCILE ->
                    new Reconcile(pg, version, EntryCodec.count(in), EntryCodec.count(in));
            case RECONCILE_ACK ->
                    new ReconcileAck(pg, version, EntryCodec.count(in), EntryCodec.count(in));
            case NEWER_VERSION -> new NewerVersion(pg, version);
            case JOIN_REQUEST -> new JoinRequest(pg, version, in.readLong());
            case JOIN_ACCEPTED ->
                    new JoinAccepted(
                            pg,
                            version,
                            in.readLong(),
                            EntryCodec.count(in),
                            EntryCodec.count(in),
                            in.readBytes(ReplicaMessage.TABLES_BYTES_MAX));
            case CHUNK_LIST_REQUEST ->
                    new ChunkListRequest(pg, version, in.readLong(), optionalKey(in));
            case CHUNK_LIST ->
                    new ChunkList(
                            pg,
                            version,
                            in.readLong(),
                            optionalKey(in),
                            stamps(in),
                            EntryCodec.count(in),
                            in.readBoolean());
            case CHUNK_REQUEST -> new ChunkRequest(pg, version, in.readLong(), key(in));
            case CHUNK_REPLY ->
                    new ChunkReply(
                            pg,
                            version,
                            in.readLong(),
                            EntryCodec.count(in),
                            in.readByte(),
                            key(in),
                            optionalContent(in));
            case CAUGHT_UP -> new CaughtUp(pg, version, in.readLong(), EntryCodec.count(in));
            case JOIN_REFUSED -> new JoinRefused(pg, version, in.readLong());
            case BLOCK_REQUEST -> new BlockRequest(pg, version, block(in));
            case BLOCK_REPLY -> new BlockReply(pg, version, block(in), optionalContent(in));
            case MAPS_REQUEST ->
                    new MapsRequest(
                            pg, version, in.readLong(), EntryCodec.count(in), optionalKey(in));
            case MAPS_REPLY ->
                    new MapsReply(pg, version, in.readLong(), in.readInt(), optionalMaps(in));
            default -> throw new MalformedMessage("replica message kind " + kind);
        };
    }

    private static void putPair(long first, long second, WireWriter out) {
        out.putLong(first);
        out.putLong(second);
    }

    private static void putKey(ChunkKey key, WireWriter out) {
        putPair(key.layer().value(), key.chunkIndex(), out);
    }

    private static ChunkKey key(WireReader in) throws MalformedMessage {
        return new ChunkKey(new VolumeId(in.readLong()), in.readLong());
    }

    private static void putBlock(DamagedBlock block, WireWriter out) {
        putKey(block.key(), out);
        out.putInt(block.blockIndex());
    }

    private static DamagedBlock block(WireReader in) throws MalformedMessage {
        return new DamagedBlock(key(in), in.readInt());
    }

    private static void putOptionalContent(Optional<ChunkContent> content, WireWriter out) {
        out.putBoolean(content.isPresent());
        content.ifPresent(present -> putContent(present, out));
    }

    private static Optional<ChunkContent> optionalContent(WireReader in) throws MalformedMessage {
        return in.readBoolean() ? Optional.of(content(in)) : Optional.empty();
    }

    private static void putOptionalKey(Optional<ChunkKey> key, WireWriter out) {
        out.putBoolean(key.isPresent());
        key.ifPresent(present -> putKey(present, out));
    }

    private static Optional<ChunkKey> optionalKey(WireReader in) throws MalformedMessage {
        return in.readBoolean() ? Optional.of(key(in)) : Optional.empty();
    }

    private static void putStamp(ChunkStamp stamp, WireWriter out) {
        putKey(stamp.key(), out);
        putPair(stamp.version(), stamp.sequence(), out);
    }

    private static ChunkStamp stamp(WireReader in) throws MalformedMessage {
        return new ChunkStamp(key(in), EntryCodec.count(in), EntryCodec.count(in));
    }

    private static List<ChunkStamp> stamps(WireReader in) throws MalformedMessage {
        int count = in.readCount(STAMP_BYTES);
        if (count > ReplicaMessage.STAMPS_MAX) {
            throw new MalformedMessage(count + " chunk stamps");
        }
        List<ChunkStamp> stamps = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            stamps.add(stamp(in));
        }
        return stamps;
    }

    private static void putMaps(MapPage page, WireWriter out) {
        out.putInt(page.maps().size());
        for (MapDigest map : page.maps()) {
            putStamp(map.stamp(), out);
            out.putInt(map.mappedBlocks());
            out.putInt(map.crc());
        }
        out.putBoolean(page.last());
    }

    private static Optional<MapPage> optionalMaps(WireReader in) throws MalformedMessage {
        if (!in.readBoolean()) {
            return Optional.empty();
        }
        int count = in.readCount(MAP_DIGEST_BYTES);
        if (count > MapPage.MAPS_MAX) {
            throw new MalformedMessage(count + " maps");
        }
        List<MapDigest> maps = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            maps.add(new MapDigest(stamp(in), in.readInt(), in.readInt()));
        }
        return Optional.of(new MapPage(maps, in.readBoolean()));
    }

    private static void putContent(ChunkContent content, WireWriter out) {
        putStamp(content.stamp(), out);
        out.putInt(content.runs().size());
        for (ChunkContent.Run run : content.runs()) {
            out.putInt(run.firstBlock());
            out.putInt(run.blocks());
            out.putBytes(run.payload());
            out.putBytes(run.checksums());
        }
    }

    private static ChunkContent content(WireReader in) throws MalformedMessage {
        ChunkStamp stamp = stamp(in);
        int count = in.readCount(RUN_BYTES_MIN);
        if (count > ChunkContent.RUNS_MAX) {
            throw new MalformedMessage(count + " runs in a chunk");
        }
        List<ChunkContent.Run> runs = new ArrayList<>(count);
        int end = 0;
        for (int i = 0; i < count; i++) {
            ChunkContent.Run run =
                    new ChunkContent.Run(
                            in.readInt(),
                            in.readInt(),
                            in.readBytes(ChunkKey.CHUNK_BYTES),
                            in.readBytes(4 * ChunkKey.CHUNK_BLOCKS));
            if (run.firstBlock() < end) {
                throw new MalformedMessage("runs of a chunk overlap");
            }
            end = run.firstBlock() + run.blocks();
            runs.add(run);
        }
        return new ChunkContent(stamp, runs);
    }
}
