package weft.wire.storage;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.fabric.VolumeId;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/// Legal messages of the storage protocol.
public final class StorageSamples {
    private static final PlacementGroupId PG = new PlacementGroupId(5);
    private static final StoreId STORE = new StoreId(new UUID(1, 2));
    private static final Member MEMBER = new Member(STORE, 3);

    private StorageSamples() {}

    private static List<Mutation> mutations() {
        List<VolumeId> layers = List.of(new VolumeId(7), new VolumeId(4));
        return List.of(
                new Mutation.Write(
                        layers, 9, 4096, ByteBuffer.allocate(4096).putInt(0, 42), crcs(1)),
                new Mutation.Write(layers, 9, 100, ByteBuffer.allocate(8), crcs(0)),
                new Mutation.Zero(layers, 9, 1, 4096),
                new Mutation.Discard(layers, 0, 0, ChunkKey.CHUNK_BYTES),
                new Mutation.Cover(List.of(new VolumeId(7)), 9, 4096, 8192),
                new Mutation.Trim(List.of(new VolumeId(7)), 9, 4096, 8192),
                new Mutation.RaiseToken(new VolumeId(7), 8),
                new Mutation.RaiseToken(new VolumeId(7), 8, 3),
                new Mutation.DropLayer(new VolumeId(7).nextGeneration()),
                new Mutation.ForgetVolume(new VolumeId(7)),
                new Mutation.Fill(
                        List.of(new VolumeId(7)), 9, 4096, ByteBuffer.allocate(8192), crcs(2)),
                new Mutation.CopyDown(
                        new VolumeId(7).nextGeneration(), new VolumeId(7), 9, 4096, 8192));
    }

    private static ByteBuffer crcs(int count) {
        return ByteBuffer.allocate(4 * count);
    }

    private static List<ReplicaMessage> replicaMessages() {
        var key = new ChunkKey(new VolumeId(7), 9);
        var stamp = new ChunkStamp(key, 3, 17);
        var content =
                new ChunkContent(
                        stamp,
                        List.of(
                                new ChunkContent.Run(0, 2, ByteBuffer.allocate(8192), crcs(2)),
                                new ChunkContent.Run(9, 5, crcs(0), crcs(0))));
        List<ReplicaMessage> all = new ArrayList<>();
        for (Mutation mutation : mutations()) {
            all.add(new ReplicaMessage.Prepare(PG, 3, 16, new Entry(2, 17, 1, 2, 1, 8, mutation)));
        }
        all.add(new ReplicaMessage.PrepareAck(PG, 3, 17, true));
        all.add(new ReplicaMessage.CommitPoint(PG, 3, 17));
        all.add(new ReplicaMessage.Reconcile(PG, 3, 17, 20));
        all.add(new ReplicaMessage.ReconcileAck(PG, 3, 16, 20));
        all.add(new ReplicaMessage.NewerVersion(PG, 4));
        all.add(new ReplicaMessage.JoinRequest(PG, 3, -1));
        all.add(new ReplicaMessage.JoinAccepted(PG, 3, 1, 17, 20, ByteBuffer.allocate(9)));
        all.add(new ReplicaMessage.ChunkListRequest(PG, 3, 1, Optional.empty()));
        all.add(new ReplicaMessage.ChunkList(PG, 3, 1, Optional.of(key), List.of(stamp), 9, true));
        all.add(new ReplicaMessage.ChunkRequest(PG, 3, 1, key));
        all.add(new ReplicaMessage.ChunkReply(PG, 3, 1, 7, 60, key, Optional.of(content)));
        all.add(new ReplicaMessage.ChunkReply(PG, 3, 1, 7, 100, key, Optional.empty()));
        all.add(new ReplicaMessage.CaughtUp(PG, 3, 1, 20));
        all.add(new ReplicaMessage.JoinRefused(PG, 3, 1));
        var block = new DamagedBlock(key, 3);
        all.add(new ReplicaMessage.BlockRequest(PG, 3, block));
        all.add(new ReplicaMessage.BlockReply(PG, 3, block, Optional.of(content)));
        all.add(new ReplicaMessage.BlockReply(PG, 3, block, Optional.empty()));
        var maps = new MapPage(List.of(new MapDigest(stamp, 9, 0xcafe)), false);
        all.add(new ReplicaMessage.MapsRequest(PG, 3, 5, 17, Optional.of(key)));
        all.add(new ReplicaMessage.MapsReply(PG, 3, 5, -1, Optional.of(maps)));
        all.add(new ReplicaMessage.MapsReply(PG, 3, 5, 0, Optional.empty()));
        return all;
    }

    /// At least one of each kind.
    public static List<StorageMessage> messages() {
        List<StorageMessage> all = new ArrayList<>();
        for (Mutation mutation : mutations()) {
            all.add(new StorageMessage.WriteBlocks(PG, 3, 1, 2, 1, 8, mutation));
        }
        for (ReplicaMessage message : replicaMessages()) {
            all.add(new StorageMessage.ToReplica(MEMBER, STORE, message));
        }
        all.add(new StorageMessage.ReadBlocks(PG, 3, 8, List.of(new VolumeId(7)), 9, 4096, 8192));
        all.add(new StorageMessage.MapBlocks(PG, 3, 8, List.of(new VolumeId(7)), 9));
        all.add(new StorageMessage.MapDone(ByteBuffer.allocate(1024)));
        all.add(new StorageMessage.WriteDone());
        all.add(new StorageMessage.ReadDone(ByteBuffer.allocate(4096), crcs(1)));
        var configuration = new Configuration(PG, 3, MEMBER, List.of(MEMBER), List.of(STORE), 2);
        all.add(
                new StorageMessage.Refused(
                        StorageMessage.Refused.Reason.NOT_PRIMARY,
                        Optional.of(configuration),
                        "ask it"));
        var asked = new StorageMessage.MapBlocks(PG, 3, 8, List.of(new VolumeId(7)), 9);
        all.add(new StorageMessage.ToStore(STORE, asked));
        var beats = List.of(new StorageMessage.StoreBeat(MEMBER, 1 << 30, 7));
        all.add(new StorageMessage.Beat(new NodeId("node1"), 77, beats));
        all.add(new StorageMessage.BeatAck(new NodeId("node2"), 77, List.of()));
        return all;
    }
}
