package weft.ops.image;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/// Writes a cpio archive in the format "newc" that the kernel unpacks into its first root
/// (Documentation/driver-api/early-userspace/buffer-format.rst). Times are zero and owners root, so
/// the same files give the same bytes.
///
/// An entry: 6 bytes magic `070701`, 13 fields of 8 hex digits (inode, mode, uid, gid, links,
/// mtime, size, device major and minor, special device major and minor, length of the name with its
/// NUL, check), name, NUL, padding to 4 bytes, content, padding to 4 bytes.
final class CpioWriter implements AutoCloseable {
    private static final int DIRECTORY = 0040000;
    private static final int REGULAR = 0100000;
    private static final int LINK = 0120000;
    private static final int CHARACTER_DEVICE = 0020000;

    private final OutputStream out;
    private int inode;
    private long written;

    CpioWriter(OutputStream out) {
        this.out = out;
    }

    void directory(String name, int permissions) throws IOException {
        entry(name, DIRECTORY | permissions, new byte[0], 0, 0);
    }

    void file(String name, int permissions, byte[] content) throws IOException {
        entry(name, REGULAR | permissions, content, 0, 0);
    }

    void link(String name, String target) throws IOException {
        entry(name, LINK | 0777, target.getBytes(StandardCharsets.UTF_8), 0, 0);
    }

    void characterDevice(String name, int permissions, int major, int minor) throws IOException {
        entry(name, CHARACTER_DEVICE | permissions, new byte[0], major, minor);
    }

    private void entry(String name, int mode, byte[] content, int major, int minor)
            throws IOException {
        inode++;
        int links = (mode & DIRECTORY) != 0 && (mode & REGULAR) == 0 ? 2 : 1;
        put(inode, mode, links, content.length, major, minor, name);
        put(content);
        pad();
    }

    private void put(
            int number, int mode, int links, int lengthBytes, int major, int minor, String name)
            throws IOException {
        byte[] nameBytes = name.getBytes(StandardCharsets.UTF_8);
        int[] fields = {
            number, mode, 0, 0, links, 0, lengthBytes, 0, 0, major, minor, nameBytes.length + 1, 0
        };
        var header = new StringBuilder("070701");
        for (int field : fields) {
            header.append(String.format(Locale.ROOT, "%08x", field));
        }
        put(header.toString().getBytes(StandardCharsets.US_ASCII));
        put(nameBytes);
        put(new byte[1]);
        pad();
    }

    private void put(byte[] bytes) throws IOException {
        out.write(bytes);
        written += bytes.length;
    }

    private void pad() throws IOException {
        put(new byte[(int) (-written & 3)]);
    }

    /// Ends the archive, and the stream.
    @Override
    public void close() throws IOException {
        put(0, 0, 1, 0, 0, 0, "TRAILER!!!");
        put(new byte[(int) (-written & 511)]);
        out.close();
    }
}
