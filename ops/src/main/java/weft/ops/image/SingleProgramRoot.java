package weft.ops.image;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
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
            write(cpio, program);
        }
        return bytes.toByteArray();
    }

    /// The archive with files in a folder beside the program, not compressed, so that it can follow
    /// another archive.
    public static byte[] plain(byte[] program, String folder, Map<String, byte[]> files)
            throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var cpio = new CpioWriter(bytes)) {
            write(cpio, program);
            cpio.directory(folder, 0755);
            for (Map.Entry<String, byte[]> file : new TreeMap<>(files).entrySet()) {
                cpio.file(folder + "/" + file.getKey(), 0644, file.getValue());
            }
        }
        return bytes.toByteArray();
    }

    private static void write(CpioWriter cpio, byte[] program) throws IOException {
        cpio.directory("dev", 0755);
        // The kernel opens it for the first process.
        cpio.characterDevice("dev/console", 0600, 5, 1);
        cpio.file("init", 0755, program);
    }
}
