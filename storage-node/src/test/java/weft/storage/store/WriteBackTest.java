package weft.storage.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.storage.disk.DiskFile;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/// The device gets the files of a checkpoint one after the other, and those that are written
/// meanwhile as well.
class WriteBackTest {
    private final List<String> written = new ArrayList<>();
    private final List<String> begun = new ArrayList<>();
    private final Map<String, Recorded> opened = new HashMap<>();

    private void write(int from, int to) {
        IntStream.range(from, to).forEach(i -> written.add("file" + i));
    }

    private WriteBack over(long sinceMillis) {
        return new WriteBack(this::open, () -> List.copyOf(written), sinceMillis, 0);
    }

    private DiskFile open(String name) throws IOException {
        if (name.equals("too many")) {
            throw new IOException("too many open files");
        }
        if (!written.contains(name)) {
            throw new NoSuchFileException(name);
        }
        return opened.computeIfAbsent(name, Recorded::new);
    }

    /// A file that says when it is begun with.
    private final class Recorded implements DiskFile {
        private final String name;
        private boolean isClosed;

        Recorded(String name) {
            this.name = name;
        }

        @Override
        public void beginWriteBack() {
            assertFalse(isClosed);
            begun.add(name);
        }

        @Override
        public long sizeBytes() {
            return 0;
        }

        @Override
        public int read(ByteBuffer into, long positionBytes) {
            return 0;
        }

        @Override
        public void write(ByteBuffer from, long positionBytes) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void force() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void punch(long positionBytes, long lengthBytes) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void close() {
            isClosed = true;
        }
    }

    @Test
    void filesAreSpreadOverHalfTheTimeSinceTheLastCheckpoint() throws IOException {
        write(0, 100);
        WriteBack writeBack = over(2_000);
        assertFalse(writeBack.step(10));
        assertEquals(written.subList(0, 1), begun);
        assertFalse(writeBack.step(500));
        assertEquals(written.subList(0, 50), begun);
        assertFalse(writeBack.step(999));
        assertEquals(written.subList(0, 99), begun);
        assertFalse(writeBack.step(1_000));
        assertEquals(written, begun);
    }

    @Test
    void whatIsWrittenMeanwhileFollowsInAShorterPass() throws IOException {
        write(0, 100);
        WriteBack writeBack = over(2_000);
        write(100, 120);
        assertFalse(writeBack.step(1_000));
        assertEquals(written.subList(0, 100), begun);
        begun.clear();
        assertFalse(writeBack.step(1_125));
        assertEquals(written.subList(0, 60), begun);
        assertTrue(writeBack.step(1_250));
        assertEquals(written, begun);
    }

    /// The loop may be busy for longer than all was to take.
    @Test
    void whatIsOverdueIsBegunAtOnce() throws IOException {
        write(0, 100);
        WriteBack writeBack = over(2_000);
        assertFalse(writeBack.step(50_000));
        assertTrue(writeBack.step(100_000));
        assertEquals(200, begun.size());
    }

    /// The system may forget errors of files that nobody has open.
    @Test
    void filesStayOpenUntilTheCheckpointHasForcedThem() throws IOException {
        write(0, 10);
        try (WriteBack writeBack = over(2_000)) {
            assertFalse(writeBack.step(1_000));
            assertTrue(writeBack.step(2_000));
            assertTrue(opened.values().stream().noneMatch(file -> file.isClosed));
            assertEquals(10, opened.size());
        }
        assertTrue(opened.values().stream().allMatch(file -> file.isClosed));
    }

    @Test
    void aFileThatIsGoneOrCannotBeOpenedIsLeftToTheCheckpoint() throws IOException {
        write(0, 3);
        List<String> named = List.of("file0", "gone", "too many", "file2");
        var writeBack = new WriteBack(this::open, () -> named, 2_000, 0);
        assertFalse(writeBack.step(1_000));
        assertEquals(List.of("file0", "file2"), begun);
    }

    /// An idle store wakes up for its checkpoint only.
    @Test
    void aFewFilesAreNotSpreadOverSeconds() throws IOException {
        WriteBack nothing = over(15_000);
        assertFalse(nothing.step(0));
        assertTrue(nothing.step(0));
        write(0, 3);
        WriteBack three = over(15_000);
        assertFalse(three.step(60));
        assertTrue(three.step(75));
        assertEquals(6, begun.size());
    }
}
