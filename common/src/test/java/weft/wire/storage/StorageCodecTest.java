package weft.wire.storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.sim.Seed;
import weft.wire.MalformedMessage;
import weft.wire.WireReader;
import weft.wire.WireSamples;
import weft.wire.WireWriter;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

class StorageCodecTest {
    private static final StorageCodec CODEC = new StorageCodec();

    private static byte[] encode(StorageMessage message) {
        var out = new WireWriter();
        CODEC.encode(message, out);
        return out.toBytes();
    }

    @Test
    void whatIsEncodedIsDecodedAlike() throws MalformedMessage {
        for (StorageMessage message : StorageSamples.messages()) {
            byte[] bytes = encode(message);
            assertEquals(message, CODEC.decode(CODEC.typeIdOf(message), new WireReader(bytes)));
        }
    }

    @Test
    void ofEveryRecordThereIsASample() {
        Set<Class<?>> kinds = new HashSet<>();
        for (StorageMessage message : StorageSamples.messages()) {
            kinds.add(message.getClass());
            if (message instanceof StorageMessage.ToReplica m) {
                kinds.add(m.message().getClass());
            } else if (message instanceof StorageMessage.WriteBlocks m) {
                kinds.add(m.mutation().getClass());
            }
        }
        Set<Class<?>> all = new HashSet<>(WireSamples.recordsOf(StorageMessage.class));
        all.addAll(WireSamples.recordsOf(ReplicaMessage.class));
        all.addAll(WireSamples.recordsOf(Mutation.class));
        assertEquals(all, kinds);
    }

    @Test
    void aMessageCutShortIsMalformed() {
        for (StorageMessage message : StorageSamples.messages()) {
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
        for (StorageMessage message : StorageSamples.messages()) {
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
