package weft.vmhost.snapshot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

class SnapshotReaderTest {
    private static byte[] sample() throws IOException {
        var writer = new SnapshotWriter();
        writer.add(new Section("hart0", 1, new byte[] {1, 2, 3}));
        writer.add(new Section("uart", 7, new byte[0]));
        return writer.finish();
    }

    private static String refusal(byte[] snapshot) {
        return String.valueOf(
                assertThrows(IOException.class, () -> SnapshotReader.read(snapshot)).getMessage());
    }

    @Test
    void whatIsWrittenIsReadBackInOrder() throws IOException {
        Map<String, Section> sections = SnapshotReader.read(sample());

        assertEquals(List.of("hart0", "uart"), List.copyOf(sections.keySet()));
        Section hart = sections.values().iterator().next();
        assertEquals(1, hart.version());
        assertArrayEquals(new byte[] {1, 2, 3}, hart.content());
    }

    @Test
    void everyDamagedByteIsNoticed() throws IOException {
        byte[] sample = sample();
        for (int i = 0; i < sample.length; i++) {
            byte[] damaged = sample.clone();
            damaged[i] ^= 0x20;
            refusal(damaged);
        }
    }

    @Test
    void everyCutIsNoticed() throws IOException {
        byte[] sample = sample();
        for (int length = 0; length < sample.length; length++) {
            refusal(Arrays.copyOf(sample, length));
        }
        assertTrue(refusal(Arrays.copyOf(sample, sample.length + 1)).contains("behind its end"));
    }

    @Test
    void otherFilesAreNoSnapshots() {
        assertTrue(refusal(new byte[64]).contains("no machine snapshot"));
    }
}
