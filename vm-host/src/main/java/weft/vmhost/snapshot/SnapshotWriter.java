package weft.vmhost.snapshot;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/// Writes the form that [SnapshotReader] reads. Big-endian:
///
/// ```
/// header   magic "WEFTMACH" 8 · major 2 · minor 2 · sections 4 · CRC-32C of these 16 B: 4
/// section  name length 2 · name (UTF-8) · version 4 · content length 4 · content · CRC-32C of all before: 4
/// ```
///
/// The major grows when an old reader must refuse; the minor when it need not notice.
final class SnapshotWriter {
    static final byte[] MAGIC = "WEFTMACH".getBytes(StandardCharsets.US_ASCII);
    static final int MAJOR = 1;
    static final int MINOR = 0;

    private final ByteArrayOutputStream sections = new ByteArrayOutputStream();
    private int count;

    void add(Section section) throws IOException {
        var bytes = new ByteArrayOutputStream();
        var out = new DataOutputStream(bytes);
        byte[] name = section.name().getBytes(StandardCharsets.UTF_8);
        out.writeShort(name.length);
        out.write(name);
        out.writeInt(section.version());
        out.writeInt(section.content().length);
        out.write(section.content());
        out.writeInt(checksum(bytes.toByteArray()));
        bytes.writeTo(sections);
        count++;
    }

    byte[] finish() throws IOException {
        var bytes = new ByteArrayOutputStream();
        var out = new DataOutputStream(bytes);
        out.write(MAGIC);
        out.writeShort(MAJOR);
        out.writeShort(MINOR);
        out.writeInt(count);
        out.writeInt(checksum(bytes.toByteArray()));
        sections.writeTo(bytes);
        return bytes.toByteArray();
    }

    private static int checksum(byte[] bytes) {
        var crc = new CRC32C();
        crc.update(bytes);
        return (int) crc.getValue();
    }
}
