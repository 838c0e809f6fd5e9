package weft.wire;

import weft.fabric.ChunkKey;
import weft.fabric.LayerChain;
import weft.fabric.MacAddress;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.fabric.VolumeId;
import weft.wire.audit.AuditMessage;
import weft.wire.capture.CaptureMessage;
import weft.wire.capture.CaptureMessage.CapturedFrame;
import weft.wire.capture.CaptureMessage.Direction;
import weft.wire.capture.CaptureMessage.Scope;
import weft.wire.console.ConsoleMessage;
import weft.wire.holder.HolderMessage;
import weft.wire.migration.MigrationMessage;
import weft.wire.network.SwitchMessage;
import weft.wire.storage.ChunkStamp;
import weft.wire.storage.StorageSamples;
import weft.wire.vm.VmMessage;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/// Legal messages of all families, at least one of each kind.
public final class WireSamples {
    private static final UUID ID = new UUID(1, 2);
    static final List<MigrationMessage> MIGRATION =
            List.of(
                    new MigrationMessage.Begin(ID, "web1", 7, 256 << 20),
                    new MigrationMessage.ZeroPages(ID, new long[] {0x80000, 0x80001}),
                    new MigrationMessage.Pages(
                            ID,
                            new long[] {0x80005},
                            ByteBuffer.allocate(MigrationMessage.PAGE_BYTES)),
                    new MigrationMessage.Complete(ID, ByteBuffer.wrap(new byte[9]), 5),
                    new MigrationMessage.Abort(ID, "cancelled"),
                    new MigrationMessage.Taken(ID),
                    new MigrationMessage.Committed(ID, 12_000_000),
                    new MigrationMessage.NotCommitted(ID, "epoch 8 is host1's"));
    static final List<ConsoleMessage> CONSOLE =
            List.of(
                    new ConsoleMessage.Read("web1", -1),
                    new ConsoleMessage.Write("web1", ByteBuffer.wrap(new byte[] {13})),
                    new ConsoleMessage.Output(11, ByteBuffer.wrap(new byte[] {1, 2, 3})),
                    new ConsoleMessage.Written(1),
                    new ConsoleMessage.NotHere("VM 'web1' runs on host2"));
    static final List<SwitchMessage> SWITCH =
            List.of(
                    new SwitchMessage.AskPorts("web1-0"),
                    new SwitchMessage.Ports(
                            List.of(
                                    new SwitchMessage.Port(
                                            "web1-0",
                                            "blue",
                                            MacAddress.parse("52:54:00:00:00:0a"),
                                            SwitchMessage.State.STALE,
                                            1,
                                            2,
                                            3,
                                            4,
                                            List.of(new SwitchMessage.Drops("tagged", 5))),
                                    new SwitchMessage.Port(
                                            "web2-0",
                                            "blue",
                                            MacAddress.parse("52:54:00:00:00:0b"),
                                            SwitchMessage.State.OPEN,
                                            0,
                                            0,
                                            0,
                                            0,
                                            List.of()))),
                    new SwitchMessage.AskTotals(),
                    new SwitchMessage.Totals(
                            9,
                            8,
                            1,
                            List.of(new SwitchMessage.Drops("tagged", 3)),
                            List.of(new SwitchMessage.Drops("bad_vxlan", 1L << 40))),
                    new SwitchMessage.AskConnections("web1-0", 500),
                    new SwitchMessage.Connections(
                            List.of(
                                    new SwitchMessage.Connection(
                                            500,
                                            6,
                                            true,
                                            "10.0.0.10",
                                            40_000,
                                            "10.0.0.11",
                                            65_535,
                                            "established",
                                            61_000,
                                            10,
                                            7,
                                            1L << 33),
                                    new SwitchMessage.Connection(
                                            501,
                                            255,
                                            false,
                                            "fe80::1",
                                            0,
                                            "fe80::2",
                                            0,
                                            "unanswered",
                                            0,
                                            0,
                                            0,
                                            1))));

    static final List<VmMessage> VM =
            List.of(
                    new VmMessage.AskEngine("web1"),
                    new VmMessage.Engine("native", 1L << 40, 3, 4, 5, 32 << 20),
                    new VmMessage.NotHere("VM 'web1' does not run here"));

    private WireSamples() {}

    /// All of them.
    public static List<WireMessage> messages() {
        List<WireMessage> all = new ArrayList<>(StorageSamples.messages());
        all.addAll(MIGRATION);
        all.addAll(CONSOLE);
        all.addAll(audit());
        all.addAll(capture());
        all.addAll(VM);
        all.addAll(SWITCH);
        all.addAll(holder());
        return all;
    }

    /// The records that a sealed interface stands for.
    public static Set<Class<?>> recordsOf(Class<?> type) {
        Class<?>[] permitted = type.getPermittedSubclasses();
        if (permitted == null) {
            return Set.of(type);
        }
        Set<Class<?>> all = new HashSet<>();
        for (Class<?> one : permitted) {
            all.addAll(recordsOf(one));
        }
        return all;
    }

    static List<CaptureMessage> capture() {
        List<CapturedFrame> frames = new ArrayList<>();
        for (Direction direction : Direction.values()) {
            frames.add(
                    new CapturedFrame(
                            1_700_000_000_123_456_789L,
                            direction,
                            "web1-0",
                            ByteBuffer.wrap(new byte[60 + direction.ordinal()])));
        }
        return List.of(
                new CaptureMessage.Start(Scope.NETWORK, "blue"),
                new CaptureMessage.Start(Scope.PORT, "web1-0"),
                new CaptureMessage.Started(5),
                new CaptureMessage.Refused("16 captures run here already"),
                new CaptureMessage.Read(5, 2_000),
                new CaptureMessage.Frames(0, List.of()),
                new CaptureMessage.Frames(3, frames),
                new CaptureMessage.Stop(5));
    }

    private static List<AuditMessage> audit() {
        var store = new StoreId(ID);
        var pg = new PlacementGroupId(5);
        var key = new ChunkKey(new VolumeId(7), 9);
        var digest = new AuditMessage.ChunkDigest(new ChunkStamp(key, 3, 17), 0xcafe);
        var layer = new AuditMessage.LayerSpace(new VolumeId(7), 8192);
        var light = new AuditMessage.LightStatus(1, 2, 3, 4, List.of("7/9 differs"), 5);
        return List.of(
                new AuditMessage.DigestRequest(store, pg, Optional.of(key)),
                new AuditMessage.GroupDigest(pg, true, List.of(digest), true),
                new AuditMessage.SpaceRequest(store, Optional.of(new VolumeId(7))),
                new AuditMessage.Space(store, 8192, 1 << 30, List.of(layer), false),
                new AuditMessage.ScrubRequest(store, AuditMessage.ScrubKind.DEEP),
                new AuditMessage.ScrubStatus(
                        store, 4 << 20, 1, 2, 3, 4, 5, List.of("7/9 block 3"), 6, light));
    }

    private static List<HolderMessage> holder() {
        var volume = new VolumeId(7);
        List<VolumeId> layers = List.of(volume.nextGeneration(), volume);
        var whole = new HolderMessage.NewLayers(volume, 8, 1 << 20, LayerChain.of(layers));
        var shrunk = new LayerChain(layers, List.of(LayerChain.NO_END, 4096L));
        return List.of(
                new HolderMessage.Switch(3, 500, List.of(whole)),
                new HolderMessage.Switch(
                        3, 0, List.of(new HolderMessage.NewLayers(volume, 8, 8192, shrunk))),
                new HolderMessage.Switched(List.of(HolderMessage.Standing.values()), true),
                new HolderMessage.Settle(3, List.of(new HolderMessage.Holding(volume, 8))),
                new HolderMessage.Settled(true, false),
                new HolderMessage.Resize(volume, 8, 1 << 20, volume));
    }
}
