package weft.ops.image;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.zip.GZIPOutputStream;

/// An initramfs that holds one program, which the kernel runs as its first process.
public final class SingleProgramRoot {
    private SingleProgramRoot() {}

    /// The archive, compressed for the kernel.
    ///
    /// @param program statically linked; it is `/init`
    public static byte[] of(byte[] program) throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var cpio = new CpioWriter(new GZIPOutputStream(bytes))) {
            cpio.directory("dev", 0755);
            // The kernel opens it for the first process.
            cpio.characterDevice("dev/console", 0600, 5, 1);
            cpio.file("init", 0755, program);
        }
        return bytes.toByteArray();
    }
}
