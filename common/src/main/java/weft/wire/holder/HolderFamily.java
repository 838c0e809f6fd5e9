package weft.wire.holder;

import weft.fabric.LayerChain;
import weft.fabric.Volume;
import weft.fabric.VolumeId;
import weft.wire.MalformedMessage;
import weft.wire.MessageFamily;
import weft.wire.WireReader;
import weft.wire.WireWriter;
import weft.wire.holder.HolderMessage.Holding;
import weft.wire.holder.HolderMessage.NewLayers;
import weft.wire.holder.HolderMessage.Resize;
import weft.wire.holder.HolderMessage.Settle;
import weft.wire.holder.HolderMessage.Settled;
import weft.wire.holder.HolderMessage.Standing;
import weft.wire.holder.HolderMessage.Switch;
import weft.wire.holder.HolderMessage.Switched;

import java.util.ArrayList;
import java.util.List;

/// The bytes of [HolderMessage]s:
///
/// ```text
///   0x0701 Switch    cut 8 | hold 4 | count 4, (volume 8 | token 8 | size 8
///                    | layers: count 4, ids 8 each | visible ends: count 4, 8 each; none, or all)
///   0x0702 Switched  count 4, standing 1 each, alone 1
///   0x0703 Settle    cut 8 | count 4, volume 8 and token 8 each
///   0x0704 Settled   held 1 | clean 1
///   0x0705 Resize    volume 8 | token 8 | size 8 | top layer 8
/// ```
public final class HolderFamily implements MessageFamily<HolderMessage> {
    private static final int NEW_LAYERS_BYTES_MIN = 40;
    private static final int HOLDING_BYTES = 16;

    @Override
    public int rangeByte() {
        return HOLDER;
    }

    @Override
    public Class<HolderMessage> messages() {
        return HolderMessage.class;
    }

    @Override
    public int typeIdOf(HolderMessage message) {
        int index =
                switch (message) {
                    case Switch _ -> 1;
                    case Switched _ -> 2;
                    case Settle _ -> 3;
                    case Settled _ -> 4;
                    case Resize _ -> 5;
                };
        return HOLDER << 8 | index;
    }

    @Override
    public void encode(HolderMessage message, WireWriter out) {
        switch (message) {
            case Switch m -> {
                out.putLong(m.cut());
                out.putInt(m.holdMillis());
                out.putInt(m.volumes().size());
                for (NewLayers one : m.volumes()) {
                    out.putLong(one.volume().value());
                    out.putLong(one.token());
                    out.putLong(one.sizeBytes());
                    putChain(one.chain(), out);
                }
            }
            case Switched m -> {
                out.putInt(m.standings().size());
                m.standings().forEach(standing -> out.putByte(standing.ordinal()));
                out.putByte(m.alone() ? 1 : 0);
            }
            case Settle m -> {
                out.putLong(m.cut());
                out.putInt(m.volumes().size());
                for (Holding one : m.volumes()) {
                    out.putLong(one.volume().value());
                    out.putLong(one.token());
                }
            }
            case Settled m -> {
                out.putBoolean(m.held());
                out.putBoolean(m.clean());
            }
            case Resize m -> {
                out.putLong(m.volume().value());
                out.putLong(m.token());
                out.putLong(m.sizeBytes());
                out.putLong(m.top().value());
            }
        }
    }

    private static void putChain(LayerChain chain, WireWriter out) {
        out.putInt(chain.layers().size());
        chain.layers().forEach(id -> out.putLong(id.value()));
        out.putInt(chain.ends().size());
        chain.ends().forEach(out::putLong);
    }

    @Override
    public HolderMessage decodeFields(int typeId, WireReader in) throws MalformedMessage {
        return switch (typeId & 0xff) {
            case 1 -> {
                long cut = in.readLong();
                int holdMillis = in.readInt();
                int count = in.readCount(NEW_LAYERS_BYTES_MIN);
                List<NewLayers> volumes = new ArrayList<>();
                for (int i = 0; i < count; i++) {
                    volumes.add(
                            new NewLayers(
                                    new VolumeId(in.readLong()),
                                    in.readLong(),
                                    in.readLong(),
                                    chain(in)));
                }
                yield new Switch(cut, holdMillis, volumes);
            }
            case 2 -> {
                int count = in.readCount(1);
                List<Standing> standings = new ArrayList<>();
                for (int i = 0; i < count; i++) {
                    standings.add(standing(in.readByte()));
                }
                yield new Switched(standings, in.readBoolean());
            }
            case 3 -> {
                long cut = in.readLong();
                int count = in.readCount(HOLDING_BYTES);
                List<Holding> volumes = new ArrayList<>();
                for (int i = 0; i < count; i++) {
                    volumes.add(new Holding(new VolumeId(in.readLong()), in.readLong()));
                }
                yield new Settle(cut, volumes);
            }
            case 4 -> new Settled(in.readBoolean(), in.readBoolean());
            case 5 ->
                    new Resize(
                            new VolumeId(in.readLong()),
                            in.readLong(),
                            in.readLong(),
                            new VolumeId(in.readLong()));
            default ->
                    throw new MalformedMessage(
                            "no holder message has type 0x%04x".formatted(typeId));
        };
    }

    private static Standing standing(int code) throws MalformedMessage {
        Standing[] all = Standing.values();
        if (code >= all.length) {
            throw new MalformedMessage("standing " + code);
        }
        return all[code];
    }

    private static LayerChain chain(WireReader in) throws MalformedMessage {
        List<VolumeId> layers = new ArrayList<>();
        for (int left = countOfLayers(in); left > 0; left--) {
            layers.add(new VolumeId(in.readLong()));
        }
        List<Long> ends = new ArrayList<>();
        for (int left = countOfLayers(in); left > 0; left--) {
            ends.add(in.readLong());
        }
        var chain = new LayerChain(layers, ends);
        if (chain.ends().size() != ends.size()) {
            throw new MalformedMessage("ends where there are none");
        }
        return chain;
    }

    private static int countOfLayers(WireReader in) throws MalformedMessage {
        int count = in.readCount(Long.BYTES);
        if (count > Volume.LAYERS_MAX) {
            throw new MalformedMessage(count + " layers");
        }
        return count;
    }
}
