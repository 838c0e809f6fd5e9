package weft.vmhost.snapshot;

import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32C;

/// Reads what [SnapshotWriter] wrote, or says what is wrong with it; the bytes may come from
/// anywhere.
final class SnapshotReader {
    private static final int HEADER_BYTES = 20;
    private static final int SECTIONS_MAX = 1024;

    private SnapshotReader() {}

    /// All sections, by name, in their order.
    ///
    /// @throws IOException if the bytes are no snapshot, of an unknown major, damaged or cut off
    static Map<String, Section> read(byte[] snapshot) throws IOException {
        ByteBuffer in = ByteBuffer.wrap(snapshot);
        try {
            int count = readHeader(in);
            Map<String, Section> sections = new LinkedHashMap<>();
            for (int i = 0; i < count; i++) {
                Section section = readSection(in);
                if (sections.put(section.name(), section) != null) {
                    throw new IOException(
                            "machine snapshot has two sections '" + section.name() + "'");
                }
            }
            if (in.hasRemaining()) {
                throw new IOException(
                        "machine snapshot has %d bytes behind its end".formatted(in.remaining()));
            }
            return sections;
        } catch (BufferUnderflowException e) {
            throw new IOException(
                    "machine snapshot is cut off after " + snapshot.length + " bytes", e);
        }
    }

    private static int readHeader(ByteBuffer in) throws IOException {
        var magic = new byte[SnapshotWriter.MAGIC.length];
        in.get(magic);
        if (!Arrays.equals(magic, SnapshotWriter.MAGIC)) {
            throw new IOException("these bytes are no machine snapshot");
        }
        int major = in.getShort() & 0xffff;
        int minor = in.getShort() & 0xffff;
        int count = in.getInt();
        check(in, 0, HEADER_BYTES - 4, "header");
        if (major != SnapshotWriter.MAJOR) {
            throw new IOException(
                    "machine snapshot of form %d.%d; this version reads form %d"
                            .formatted(major, minor, SnapshotWriter.MAJOR));
        }
        if (count < 0 || count > SECTIONS_MAX) {
            throw new IOException("machine snapshot with " + count + " sections");
        }
        return count;
    }

    private static Section readSection(ByteBuffer in) throws IOException {
        int start = in.position();
        byte[] name = take(in, in.getShort() & 0xffff);
        int version = in.getInt();
        byte[] content = take(in, in.getInt());
        var text = new String(name, StandardCharsets.UTF_8);
        check(in, start, in.position() - start, "section '" + text + "'");
        return new Section(text, version, content);
    }

    private static byte[] take(ByteBuffer in, int length) {
        if (length < 0 || length > in.remaining()) {
            throw new BufferUnderflowException();
        }
        var bytes = new byte[length];
        in.get(bytes);
        return bytes;
    }

    private static void check(ByteBuffer in, int start, int length, String what)
            throws IOException {
        var crc = new CRC32C();
        crc.update(in.duplicate().position(start).limit(start + length));
        if ((int) crc.getValue() != in.getInt()) {
            throw new IOException("machine snapshot is damaged: checksum of " + what);
        }
    }
}
