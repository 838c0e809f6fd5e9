package weft.ops.cli;

import weft.ops.image.Digest;
import weft.ops.image.ImageFiles;
import weft.ops.pool.ImageImport;
import weft.ops.pool.PoolSession;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/// Images whose kernel is a few instructions, brought into a fabric as any other.
final class TinyImage {
    static final int KERNEL_BYTES = 8192;

    private TinyImage() {}

    /// The header that a loader reads, and these instructions behind it.
    static byte[] kernel(int... instructions) {
        var image = ByteBuffer.allocate(KERNEL_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        image.putInt(0x0400_006f).putInt(0); // jal x0, 64
        image.putLong(0x20_0000).putLong(KERNEL_BYTES); // text_offset, image_size
        image.putLong(0).putInt(2).putInt(0).putLong(0); // flags, version 0.2, reserved
        image.put("RISCV\0\0\0RSC\5".getBytes(StandardCharsets.US_ASCII)).putInt(0);
        for (int instruction : instructions) {
            image.putInt(instruction);
        }
        return image.array();
    }

    /// A cpio archive (newc) of nothing but its trailer.
    static byte[] emptyArchive() {
        String header = "070701" + "00000000".repeat(11) + "0000000b" + "00000000";
        return (header + "TRAILER!!!\0\0\0\0").getBytes(StandardCharsets.US_ASCII);
    }

    /// Imports an image and waits until it is seen.
    ///
    /// @param folder for its files
    static void importTo(
            LoopbackFabric fabric, Path folder, String name, byte[] kernel, byte[] initrd)
            throws IOException, InterruptedException {
        Path kernelFile = Files.write(folder.resolve(name + ".kernel"), kernel);
        Path initrdFile = Files.write(folder.resolve(name + ".initrd"), initrd);
        Path root = Files.write(folder.resolve(name + ".root"), new byte[1 << 20]);
        var files =
                new ImageFiles(
                        name,
                        kernelFile,
                        initrdFile,
                        root,
                        Digest.ofFiles(kernelFile, initrdFile),
                        "",
                        "");
        var session = fabric.session();
        try (var pool = new PoolSession(session.records().store(), session::image)) {
            var _ =
                    new ImageImport(session.records(), session::image, pool.client())
                            .run(files, _ -> {});
        }
        var seen =
                session.await(
                        Duration.ofSeconds(10),
                        image -> Optional.ofNullable(image.images().get(name)));
        if (seen.isEmpty()) {
            throw new AssertionError("image " + name + " does not appear");
        }
    }
}
