package weft.ops.pool;

import weft.coordination.FabricPaths;
import weft.coordination.FabricRecords;
import weft.coordination.FabricStore.Change;
import weft.coordination.FabricStore.Outcome;
import weft.fabric.FabricImage;
import weft.fabric.Image;
import weft.fabric.Volume;
import weft.ops.admin.Refusal;
import weft.ops.admin.VolumeAdmin;
import weft.ops.image.ImageFiles;
import weft.volume.BlockVolume;
import weft.volume.PoolClient;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongConsumer;
import java.util.function.Supplier;

/// Makes read-only volumes of an image's files, and then the image's record. A broken import leaves
/// volumes without a record; the next import deletes them first.
public final class ImageImport {
    private static final int WRITE_BYTES = 1 << 20;
    private static final int WRITES_UNDER_WAY = 8;
    private static final int TIMEOUT_SECONDS = 60;
    private static final int DIGEST_CHARACTERS = 8;

    private final FabricRecords records;
    private final Supplier<FabricImage> image;
    private final PoolClient pool;
    private final VolumeAdmin volumes;

    public ImageImport(FabricRecords records, Supplier<FabricImage> image, PoolClient pool) {
        this.records = records;
        this.image = image;
        this.pool = pool;
        volumes = new VolumeAdmin(records);
    }

    /// Whether the fabric has exactly this image.
    public boolean isImported(ImageFiles files) {
        Image known = image.get().images().get(files.name());
        return known != null && known.digest().equals(files.digest().hex());
    }

    /// Imports the image; VMs made from an earlier one of its name keep theirs.
    ///
    /// @param progress hears how many bytes more are in the pool
    public Image run(ImageFiles files, LongConsumer progress)
            throws IOException, InterruptedException {
        String prefix =
                files.name() + "-" + files.digest().hex().substring(0, DIGEST_CHARACTERS) + "-";
        Volume kernel = load(prefix + "kernel", files.kernel(), progress);
        Volume initrd = load(prefix + "initrd", files.initrd(), progress);
        Volume root = load(prefix + "root", files.rootSeed(), progress);
        var made =
                new Image(
                        files.name(),
                        kernel.name(),
                        Files.size(files.kernel()),
                        initrd.name(),
                        Files.size(files.initrd()),
                        root.name(),
                        files.bootArguments(),
                        files.digest().hex(),
                        files.description());
        record(made);
        return made;
    }

    private void record(Image made) throws IOException {
        String path = FabricPaths.image(made.name());
        var earlier = records.find(path, Image.class);
        Change change =
                earlier.<Change>map(found -> FabricRecords.replacement(path, made, found.version()))
                        .orElseGet(() -> FabricRecords.creation(path, made));
        if (records.store().commit(List.of(change)) instanceof Outcome.Conflict) {
            throw Refusal.state(
                    "image '%s' was changed by someone else meanwhile: try again", made.name());
        }
    }

    private Volume load(String name, Path file, LongConsumer progress)
            throws IOException, InterruptedException {
        var left = records.find(FabricPaths.volume(name), Volume.class);
        if (left.isPresent() && left.get().noun().access() == Volume.Access.READ_ONLY) {
            progress.accept(Files.size(file));
            return left.get().noun();
        }
        if (left.isPresent()) {
            // Of an import that did not end.
            records.delete(FabricPaths.volume(name));
        }
        long sizeBytes = (Files.size(file) + 4095) / 4096 * 4096;
        FabricImage now = withoutVolume(image.get(), name);
        Volume volume = volumes.create(now, name, sizeBytes, Volume.Access.READ_WRITE);
        try (BlockVolume open = pool.open(pool.claim(volume, "image import"))) {
            copy(file, open, progress);
        }
        volumes.seal(volume);
        return records.find(FabricPaths.volume(name), Volume.class)
                .orElseThrow(() -> new IOException("volume '" + name + "' is gone"))
                .noun();
    }

    /// The image may lag behind the deletion above.
    private static FabricImage withoutVolume(FabricImage now, String name) {
        if (!now.volumes().containsKey(name)) {
            return now;
        }
        var others = new java.util.HashMap<>(now.volumes());
        others.remove(name);
        return new FabricImage(
                now.cluster(),
                now.settings(),
                now.presences(),
                others,
                now.attachments(),
                now.exports(),
                now.images(),
                now.networks(),
                now.ports(),
                now.vms(),
                now.placements(),
                now.migrations());
    }

    private static void copy(Path file, BlockVolume volume, LongConsumer progress)
            throws IOException, InterruptedException {
        Deque<CompletableFuture<Void>> underWay = new ArrayDeque<>();
        try (FileChannel in = FileChannel.open(file)) {
            long offset = 0;
            while (offset < in.size()) {
                ByteBuffer buffer =
                        ByteBuffer.allocate((int) Math.min(WRITE_BYTES, in.size() - offset));
                while (buffer.hasRemaining() && in.read(buffer, offset + buffer.position()) >= 0) {
                    // Until the buffer is full.
                }
                int length = buffer.flip().remaining();
                if (underWay.size() == WRITES_UNDER_WAY) {
                    await(underWay.removeFirst());
                }
                underWay.addLast(volume.write(offset, buffer));
                offset += length;
                progress.accept(length);
            }
        }
        while (!underWay.isEmpty()) {
            await(underWay.removeFirst());
        }
        await(volume.flush());
    }

    private static void await(CompletableFuture<Void> write)
            throws IOException, InterruptedException {
        try {
            write.get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException cause ? cause : new IOException(e);
        } catch (TimeoutException e) {
            throw new IOException(
                    "the pool took no write for %d s (weft status)".formatted(TIMEOUT_SECONDS), e);
        }
    }
}
