package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

import weft.coordination.FabricPaths;
import weft.fabric.Attachment;
import weft.fabric.Volume;
import weft.fixtures.Await;
import weft.ops.pool.PoolSession;
import weft.volume.BlockVolume;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/// A whole fabric for tests of volumes, with words for what they do.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class VolumeSystemTest {
    static final int BLOCK = 4096;
    static final int CHUNK = 4 << 20;

    private @Nullable LoopbackFabric started;

    final LoopbackFabric fabric() {
        return Objects.requireNonNull(started);
    }

    @BeforeAll
    void start(@TempDir Path folder) throws Exception {
        started = LoopbackFabric.start(folder.resolve("fabric"));
    }

    @AfterAll
    void stop() {
        fabric().close();
    }

    String type(String line) {
        LoopbackFabric.Ended ended = fabric().type(line);
        assertEquals(0, ended.exitCode(), line + ": " + ended.err());
        return ended.out();
    }

    String refused(String line) {
        List<Object> before = fabric().wanted();
        LoopbackFabric.Ended ended = fabric().type(line);
        assertTrue(ended.exitCode() != 0, line + ": " + ended.out());
        assertEquals(before, fabric().wanted(), line);
        return ended.err();
    }

    void create(String name) throws Exception {
        type("volume create " + name + " --size 64M");
        Await.until(name, () -> fabric().session().image().volumes().containsKey(name));
    }

    Volume record(String name) throws IOException {
        return fabric().session()
                .records()
                .find(FabricPaths.volume(name), Volume.class)
                .orElseThrow()
                .noun();
    }

    /// Of its newest holder.
    long token(String volume) throws IOException {
        return fabric().session()
                .records()
                .find(FabricPaths.attachment(record(volume).id()), Attachment.class)
                .orElseThrow()
                .noun()
                .token();
    }

    static void write(BlockVolume volume, long offset, byte value, int length) throws Exception {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, value);
        volume.write(offset, ByteBuffer.wrap(bytes)).get(30, TimeUnit.SECONDS);
    }

    static byte[] read(BlockVolume volume, long offset, int length) throws Exception {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        volume.read(offset, bytes).get(30, TimeUnit.SECONDS);
        return bytes.array();
    }

    byte[] readOnce(String name, long offset, int length) throws Exception {
        try (var pool =
                        new PoolSession(
                                fabric().session().records().store(), fabric().session()::image);
                BlockVolume open = pool.client().openReadOnly(record(name))) {
            return read(open, offset, length);
        }
    }

    static byte[] filled(int value, int length) {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, (byte) value);
        return bytes;
    }

    static boolean fails(Callable<Object> action) {
        try {
            action.call();
            return false;
        } catch (Exception e) {
            String why = String.valueOf(e.getMessage());
            return why.contains("newer holder")
                    || why.contains("token")
                    || why.contains("not within");
        }
    }

    /// Whether a program is installed.
    static boolean isThere(String program) {
        return Stream.of(System.getenv("PATH").split(":"))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
    }

    /// What a program prints.
    static String output(String... command) throws Exception {
        Process process =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        try {
            String out = new String(process.getInputStream().readAllBytes(), UTF_8);
            assertTrue(process.waitFor(30, TimeUnit.SECONDS), String.join(" ", command));
            return out;
        } finally {
            process.destroyForcibly();
        }
    }
}
