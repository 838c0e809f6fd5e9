package weft.volume;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ExecutionException;

class FileVolumeShrinkTest {
    @TempDir Path folder;

    @Test
    void aDiskFileThatWasCutSaysSoAndKeepsWhatIsLeft() throws Exception {
        Path file = folder.resolve("disk.img");
        Files.write(file, new byte[1 << 20]);
        FileVolume volume = FileVolume.open(file);
        try {
            cut(file, 4096);
            volume.read(0, ByteBuffer.allocate(4096)).get();
            var failure =
                    assertThrows(
                            ExecutionException.class,
                            () -> volume.read(8192, ByteBuffer.allocate(512)).get());
            var trouble = assertInstanceOf(VolumeException.class, failure.getCause());
            assertEquals(VolumeException.Reason.CORRUPT, trouble.reason());
            assertTrue(String.valueOf(trouble.getMessage()).contains("4096 bytes of 1048576"));
        } finally {
            volume.close();
        }
    }

    private static void cut(Path file, long sizeBytes) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.truncate(sizeBytes);
        }
    }
}
