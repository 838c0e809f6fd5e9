package weft.vmhost.agent;

import weft.fabric.FabricImage;
import weft.fabric.Image;
import weft.fabric.Volume;
import weft.vmhost.machine.MachineSpec.BootImage;
import weft.volume.BlockVolume;
import weft.volume.PoolClient;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Kernels and initramfs's, read from the pool once per image and kept by digest: the arrays are
/// shared by all VMs of an image. Locked, because VMs start in parallel and should read an image
/// once.
final class BootFiles {
    /// Images kept: about 35 MB each.
    private static final int IMAGES_MAX = 4;

    /// Larger ones are refused before they are read: no kernel or initramfs of ours comes near.
    private static final long FILE_BYTES_MAX = 512L << 20;

    private static final int READ_BYTES = 1 << 20;
    private static final int TIMEOUT_SECONDS = 60;

    private final PoolClient pool;
    private final Map<String, Files> byDigest =
            new LinkedHashMap<>(IMAGES_MAX, 0.75f, true) {
                private static final long serialVersionUID = 1L;

                @Override
                protected boolean removeEldestEntry(Map.Entry<String, Files> eldest) {
                    return size() > IMAGES_MAX;
                }
            };

    private record Files(byte[] kernel, byte[] initrd) {}

    BootFiles(PoolClient pool) {
        this.pool = pool;
    }

    /// What the image boots with.
    ///
    /// @param moreArguments goes behind the image's own arguments
    synchronized BootImage load(FabricImage fabric, String name, String moreArguments)
            throws IOException {
        Image image = fabric.images().get(name);
        if (image == null) {
            throw new IOException("image '" + name + "' is gone");
        }
        Files files = byDigest.get(image.digest());
        if (files == null) {
            files =
                    new Files(
                            read(fabric, image.kernel(), image.kernelBytes()),
                            read(fabric, image.initrd(), image.initrdBytes()));
            byDigest.put(image.digest(), files);
        }
        return new BootImage(
                files.kernel(),
                files.initrd(),
                (image.bootArguments() + " " + moreArguments).strip());
    }

    private byte[] read(FabricImage fabric, String name, long lengthBytes) throws IOException {
        Volume volume = fabric.volumes().get(name);
        if (volume == null || lengthBytes < 0 || lengthBytes > volume.sizeBytes()) {
            throw new IOException("image volume '" + name + "' is gone or too short");
        }
        if (lengthBytes > FILE_BYTES_MAX) {
            throw new IOException("image volume '" + name + "' is too long to boot from");
        }
        var bytes = new byte[(int) lengthBytes];
        try (BlockVolume open = pool.openReadOnly(volume)) {
            var reads = new ArrayList<CompletableFuture<Void>>();
            for (int offset = 0; offset < bytes.length; offset += READ_BYTES) {
                int length = Math.min(READ_BYTES, bytes.length - offset);
                reads.add(open.read(offset, ByteBuffer.wrap(bytes, offset, length)));
            }
            CompletableFuture.allOf(reads.toArray(CompletableFuture[]::new))
                    .get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException e) {
            throw new IOException(
                    "image volume '%s' cannot be read from the pool: %s".formatted(name, e), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while reading '" + name + "'", e);
        }
        return bytes;
    }
}
