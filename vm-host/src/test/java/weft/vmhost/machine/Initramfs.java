package weft.vmhost.machine;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/// An initramfs with something added: Linux unpacks one archive after the other (newc, "buffer
/// format" of its documentation).
final class Initramfs {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    Initramfs(byte[] original) {
        bytes.writeBytes(original);
        align();
    }

    /// An executable file in the root folder.
    Initramfs add(String name, byte[] content) {
        entry(name, 0100755, content);
        return this;
    }

    byte[] finish() {
        entry("TRAILER!!!", 0, new byte[0]);
        return bytes.toByteArray();
    }

    private void entry(String name, int mode, byte[] content) {
        int[] fields = {1, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length() + 1, 0};
        var header = new StringBuilder("070701");
        for (int field : fields) {
            header.append("%08x".formatted(field));
        }
        bytes.writeBytes(
                header.append(name).append('\0').toString().getBytes(StandardCharsets.US_ASCII));
        align();
        bytes.writeBytes(content);
        align();
    }

    private void align() {
        while (bytes.size() % 4 != 0) {
            bytes.write(0);
        }
    }
}
