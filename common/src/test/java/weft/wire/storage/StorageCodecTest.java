package weft.wire.storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.ChunkKey;
import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.PlacementGroupId;
import weft.fabric.StoreId;
import weft.fabric.VolumeId;
import weft.sim.Seed;
import weft.wire.MalformedMessage;
import weft.wire.WireReader;
import weft.wire.WireWriter;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

class StorageCodecTest {
    private static final StorageCodec CODEC = new StorageCodec();
    private static final PlacementGroupId PG = new PlacementGroupId(5);
    private static final StoreId STORE = new StoreId(new UUID(1, 2));
    private static final Member MEMBER = new Member(STORE, 3);

    private static byte[] encode(StorageMessage message) {
        var out = new WireWriter();
        CODEC.encode(message, out);
        return out.toBytes();
    }

    private static List<Mutation> mutations() {
        List<VolumeId> layers = List.of(new VolumeId(7), new VolumeId(4));
        return List.of(
                new Mutation.Write(
                        layers, 9, 4096, ByteBuffer.allocate(4096).putInt(0, 42), crcs(1)),
                new Mutation.Write(layers, 9, 100, ByteBuffer.allocate(8), crcs(0)),
                new Mutation.Zero(layers, 9, 1, 4096),
                new Mutation.Discard(layers, 0, 0, ChunkKey.CHUNK_BYTES),
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

    private static List<StorageMessage> messages() {
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

    @Test
    void whatIsEncodedIsDecodedAlike() throws MalformedMessage {
        for (StorageMessage message : messages()) {
            byte[] bytes = encode(message);
            assertEquals(message, CODEC.decode(CODEC.typeIdOf(message), new WireReader(bytes)));
        }
    }

    @Test
    void aMessageCutShortIsMalformed() {
        for (StorageMessage message : messages()) {
            byte[] bytes = encode(message);
            for (int length = 0; length < Math.min(bytes.length, 300); length++) {
                var in = new WireReader(ByteBuffer.wrap(bytes, 0, length));
                assertThrows(
                        MalformedMessage.class,
                        () -> CODEC.decode(CODEC.typeIdOf(message), in),
                        message::toString);
            }
        }
    }

    @Test
    void garbageIsMalformedAndNothingElse() {
        for (long seed : Seed.runs(300)) {
            Seed.replayable(seed, () -> spoil(new Random(seed)));
        }
    }

    private static void spoil(Random random) {
        for (StorageMessage message : messages()) {
            byte[] bytes = encode(message);
            for (int i = 0; i <= random.nextInt(3) && bytes.length > 0; i++) {
                bytes[random.nextInt(Math.min(bytes.length, 120))] = (byte) random.nextInt();
            }
            try {
                StorageMessage read = CODEC.decode(CODEC.typeIdOf(message), new WireReader(bytes));
                // What can be read is a legal message: it can be written.
                assertTrue(encode(read).length > 0 || read instanceof StorageMessage.WriteDone);
            } catch (MalformedMessage _) {
                // As it should be.
            }
        }
    }

    @Test
    void theExamplesOfTheDocumentAreTheBytes() throws IOException {
        String document = Files.readString(Path.of("../docs/protocols/storage-wire.md"));
        Matcher example =
                Pattern.compile("(?m)^example (\\w+) (0x[0-9a-f]{4}): ?([0-9a-f ]*)$")
                        .matcher(document);
        List<String> seen = new ArrayList<>();
        while (example.find()) {
            byte[] bytes = HexFormat.of().parseHex(example.group(3).replace(" ", ""));
            int type = Integer.decode(example.group(2));
            StorageMessage message = CODEC.decode(type, new WireReader(bytes));
            assertEquals(example.group(1), message.getClass().getSimpleName());
            assertEquals(
                    HexFormat.of().formatHex(bytes), HexFormat.of().formatHex(encode(message)));
            seen.add(example.group(1));
        }
        assertEquals(
                List.of(
                        "WriteBlocks",
                        "ReadBlocks",
                        "ToStore",
                        "WriteDone",
                        "ReadDone",
                        "Refused",
                        "Beat",
                        "BeatAck",
                        "ToReplica"),
                seen);
    }
}
