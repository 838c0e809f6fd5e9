package weft.wire.storage;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.wire.MalformedMessage;
import weft.wire.MessageFamily;
import weft.wire.WireReader;
import weft.wire.WireWriter;
import weft.wire.storage.StorageMessage.Beat;
import weft.wire.storage.StorageMessage.BeatAck;
import weft.wire.storage.StorageMessage.MapBlocks;
import weft.wire.storage.StorageMessage.MapDone;
import weft.wire.storage.StorageMessage.ReadBlocks;
import weft.wire.storage.StorageMessage.ReadDone;
import weft.wire.storage.StorageMessage.Refused;
import weft.wire.storage.StorageMessage.StoreBeat;
import weft.wire.storage.StorageMessage.ToReplica;
import weft.wire.storage.StorageMessage.ToStore;
import weft.wire.storage.StorageMessage.WriteBlocks;
import weft.wire.storage.StorageMessage.WriteDone;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// The bytes of the storage protocol; layouts are drawn in docs/protocols/storage-wire.md. All
/// numbers are big-endian; a list is a 4-byte count and its elements, an optional a byte 0 or 1 and
/// the value. Final in form: a type id is never given another layout.
public final class StorageCodec implements MessageFamily<StorageMessage> {
    private static final int WRITE_BLOCKS = 0x0101;
    private static final int READ_BLOCKS = 0x0102;
    private static final int WRITE_DONE = 0x0103;
    private static final int READ_DONE = 0x0104;
    private static final int REFUSED = 0x0105;
    private static final int MAP_BLOCKS = 0x0106;
    private static final int MAP_DONE = 0x0107;
    private static final int TO_STORE = 0x0108;
    private static final int BEAT = 0x0112;
    private static final int BEAT_ACK = 0x0113;
    private static final int TO_REPLICA = 0x0120;

    private static final int DETAIL_BYTES_MAX = 1024;
    private static final int NODE_BYTES_MAX = 256;
    private static final int CHECKSUM_BYTES_MAX = 4 * ChunkKey.CHUNK_BLOCKS;
    private static final int MEMBER_BYTES = 24;

    @Override
    public int rangeByte() {
        return STORAGE;
    }

    @Override
    public Class<StorageMessage> messages() {
        return StorageMessage.class;
    }

    @Override
    public int typeIdOf(StorageMessage message) {
        return switch (message) {
            case WriteBlocks _ -> WRITE_BLOCKS;
            case ReadBlocks _ -> READ_BLOCKS;
            case WriteDone _ -> WRITE_DONE;
            case ReadDone _ -> READ_DONE;
            case Refused _ -> REFUSED;
            case MapBlocks _ -> MAP_BLOCKS;
            case MapDone _ -> MAP_DONE;
            case Beat _ -> BEAT;
            case BeatAck _ -> BEAT_ACK;
            case ToReplica _ -> TO_REPLICA;
            case ToStore _ -> TO_STORE;
        };
    }

    /// Of answers only this one: whoever asks for blocks lets go of their memory.
    @Override
    public boolean isCounted(int typeId) {
        return typeId == TO_STORE || typeId == TO_REPLICA || typeId == READ_DONE;
    }

    @Override
    public void encode(StorageMessage message, WireWriter out) {
        switch (message) {
            case WriteBlocks m -> {
                out.putInt(m.pg().value());
                out.putLong(m.knownVersion());
                out.putLong(m.session());
                out.putLong(m.requestSequence());
                out.putLong(m.lowestUnfinished());
                out.putLong(m.token());
                EntryCodec.putMutation(m.mutation(), out);
            }
            case ReadBlocks m -> {
                out.putInt(m.pg().value());
                out.putLong(m.knownVersion());
                out.putLong(m.token());
                EntryCodec.putLayers(m.layers(), out);
                out.putLong(m.chunkIndex());
                out.putInt(m.offsetInChunk());
                out.putInt(m.lengthBytes());
            }
            case MapBlocks m -> {
                out.putInt(m.pg().value());
                out.putLong(m.knownVersion());
                out.putLong(m.token());
                EntryCodec.putLayers(m.layers(), out);
                out.putLong(m.chunkIndex());
            }
            case MapDone m -> out.putBytes(m.states());
            case WriteDone _ -> {}
            case ReadDone m -> {
                out.putBytes(m.data());
                out.putBytes(m.checksums());
            }
            case Refused m -> {
                out.putByte(m.reason().ordinal());
                out.putBoolean(m.current().isPresent());
                m.current().ifPresent(current -> putConfiguration(current, out));
                out.putString(m.detail());
            }
            case Beat m -> putBeat(m.from(), m.sentNanos(), m.stores(), out);
            case BeatAck m -> putBeat(m.from(), m.sentNanos(), m.stores(), out);
            case ToReplica m -> {
                putMember(m.from(), out);
                EntryCodec.putStore(m.to(), out);
                ReplicaCodec.put(m.message(), out);
            }
            case ToStore m -> {
                EntryCodec.putStore(m.to(), out);
                out.putInt(typeIdOf(m.request()));
                encode(m.request(), out);
            }
        }
    }

    @Override
    public StorageMessage decodeFields(int typeId, WireReader in) throws MalformedMessage {
        return switch (typeId) {
            case WRITE_BLOCKS ->
                    new WriteBlocks(
                            pg(in),
                            EntryCodec.count(in),
                            EntryCodec.count(in),
                            EntryCodec.count(in),
                            EntryCodec.count(in),
                            EntryCodec.count(in),
                            EntryCodec.mutation(in));
            case READ_BLOCKS ->
                    new ReadBlocks(
                            pg(in),
                            EntryCodec.count(in),
                            EntryCodec.count(in),
                            EntryCodec.layers(in),
                            in.readLong(),
                            in.readInt(),
                            in.readInt());
            case MAP_BLOCKS ->
                    new MapBlocks(
                            pg(in),
                            EntryCodec.count(in),
                            EntryCodec.count(in),
                            EntryCodec.layers(in),
                            in.readLong());
            case MAP_DONE -> new MapDone(in.readBytes(ChunkKey.CHUNK_BLOCKS));
            case WRITE_DONE -> new WriteDone();
            case READ_DONE ->
                    new ReadDone(
                            in.readBytes(StorageMessage.DATA_BYTES_MAX),
                            in.readBytes(CHECKSUM_BYTES_MAX),
                            in.memory());
            case REFUSED -> {
                Refused.Reason reason = reason(in.readByte());
                Optional<Configuration> current =
                        in.readBoolean() ? Optional.of(configuration(in)) : Optional.empty();
                yield new Refused(reason, current, in.readString(DETAIL_BYTES_MAX));
            }
            case BEAT -> new Beat(node(in), in.readLong(), stores(in));
            case BEAT_ACK -> new BeatAck(node(in), in.readLong(), stores(in));
            case TO_REPLICA ->
                    new ToReplica(member(in), EntryCodec.store(in), ReplicaCodec.get(in));
            case TO_STORE -> new ToStore(EntryCodec.store(in), request(in));
            default -> throw new MalformedMessage("storage message type %#x".formatted(typeId));
        };
    }

    private StorageMessage.Request request(WireReader in) throws MalformedMessage {
        int typeId = in.readInt();
        return switch (typeId) {
            case WRITE_BLOCKS, READ_BLOCKS, MAP_BLOCKS ->
                    (StorageMessage.Request) decodeFields(typeId, in);
            default -> throw new MalformedMessage("request type %#x".formatted(typeId));
        };
    }

    private static Refused.Reason reason(int code) throws MalformedMessage {
        Refused.Reason[] reasons = Refused.Reason.values();
        if (code >= reasons.length) {
            throw new MalformedMessage("refusal reason " + code);
        }
        return reasons[code];
    }

    static PlacementGroupId pg(WireReader in) throws MalformedMessage {
        return new PlacementGroupId(in.readInt());
    }

    private static void putBeat(
            NodeId from, long sentNanos, List<StoreBeat> stores, WireWriter out) {
        out.putString(from.name());
        out.putLong(sentNanos);
        out.putInt(stores.size());
        for (StoreBeat store : stores) {
            putMember(store.member(), out);
            out.putLong(store.freeBytes());
            out.putByte(store.slowPercent());
        }
    }

    private static List<StoreBeat> stores(WireReader in) throws MalformedMessage {
        int count = in.readCount(MEMBER_BYTES + 8 + 1);
        if (count > StorageMessage.STORES_MAX) {
            throw new MalformedMessage(count + " stores");
        }
        List<StoreBeat> stores = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            stores.add(new StoreBeat(member(in), in.readLong(), percent(in)));
        }
        return stores;
    }

    private static int percent(WireReader in) throws MalformedMessage {
        int percent = in.readByte();
        if (percent > 100) {
            throw new MalformedMessage(percent + " % of the time");
        }
        return percent;
    }

    private static NodeId node(WireReader in) throws MalformedMessage {
        return new NodeId(in.readString(NODE_BYTES_MAX));
    }

    private static void putMember(Member member, WireWriter out) {
        EntryCodec.putStore(member.store(), out);
        out.putLong(member.incarnation());
    }

    private static Member member(WireReader in) throws MalformedMessage {
        return new Member(EntryCodec.store(in), in.readLong());
    }

    private static void putMembers(List<Member> members, WireWriter out) {
        out.putInt(members.size());
        members.forEach(member -> putMember(member, out));
    }

    private static List<Member> members(WireReader in) throws MalformedMessage {
        int count = in.readCount(MEMBER_BYTES);
        if (count > StorageMessage.STORES_MAX) {
            throw new MalformedMessage(count + " members");
        }
        List<Member> members = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            members.add(member(in));
        }
        return members;
    }

    static void putConfiguration(Configuration configuration, WireWriter out) {
        out.putInt(configuration.pg().value());
        out.putLong(configuration.version());
        putMember(configuration.primary(), out);
        putMembers(configuration.members(), out);
        out.putInt(configuration.wanted().size());
        configuration.wanted().forEach(store -> EntryCodec.putStore(store, out));
        out.putInt(configuration.minReplicas());
    }

    static Configuration configuration(WireReader in) throws MalformedMessage {
        PlacementGroupId pg = pg(in);
        long version = in.readLong();
        Member primary = member(in);
        List<Member> members = members(in);
        int wantedCount = in.readCount(16);
        List<StoreId> wanted = new ArrayList<>();
        for (int i = 0; i < wantedCount && i <= Configuration.MEMBERS_MAX; i++) {
            wanted.add(EntryCodec.store(in));
        }
        return new Configuration(pg, version, primary, members, wanted, in.readInt());
    }
}
