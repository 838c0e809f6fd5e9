package weft.ops.image;

import org.apache.commons.compress.archivers.ar.ArArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.jspecify.annotations.Nullable;
import org.tukaani.xz.XZInputStream;

import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.zip.GZIPInputStream;

/// A binary package (deb(5)): an ar archive whose member `data.tar.xz` holds the files.
final class DebFile {
    private static final long UNPACKED_BYTES_MAX = 4L << 30;
    private static final int FILE_BYTES_MAX = 128 << 20;
    private static final int XZ_MEMORY_KIB_MAX = 128 << 10;

    private DebFile() {}

    /// What a package puts at a path.
    sealed interface Packed {}

    /// A regular file.
    record Content(byte[] bytes, boolean executable) implements Packed {}

    /// A symbolic link, or a hard one told as such.
    record Link(String target) implements Packed {}

    /// The wanted regular files by path (`usr/bin/busybox`), in order.
    static Map<String, byte[]> read(Path file, Predicate<String> isWanted, Progress progress)
            throws IOException {
        var files = new TreeMap<String, byte[]>();
        readAll(file, isWanted, progress)
                .forEach((path, packed) -> {
                    if (packed instanceof Content(byte[] bytes, _)) {
                        files.put(path, bytes);
                    }
                });
        return files;
    }

    /// The wanted files and links by path, in order.
    static Map<String, Packed> readAll(Path file, Predicate<String> isWanted, Progress progress)
            throws IOException {
        String label = "unpacking";
        try (Progress.Step step = progress.begin(label, Files.size(file));
                InputStream counted = new CountedInputStream(Files.newInputStream(file), step);
                var ar = new ArArchiveInputStream(new BufferedInputStream(counted, 1 << 16))) {
            for (ArArchiveEntry member = next(ar); member != null; member = next(ar)) {
                String name = member.getName().replaceFirst("/$", "");
                if (name.startsWith("data.tar")) {
                    return readTar(decompressed(ar, name, file), isWanted, file);
                }
            }
        } catch (IOException | RuntimeException e) {
            throw new IOException(
                    "%s is not a usable Debian package: %s".formatted(file, e.getMessage()), e);
        }
        throw new IOException(file + " is not a usable Debian package: it holds no data.tar");
    }

    private static @Nullable ArArchiveEntry next(ArArchiveInputStream ar) throws IOException {
        return ar.getNextEntry();
    }

    private static @Nullable TarArchiveEntry next(TarArchiveInputStream tar) throws IOException {
        return tar.getNextEntry();
    }

    private static InputStream decompressed(InputStream member, String name, Path file)
            throws IOException {
        InputStream plain =
                switch (name) {
                    case "data.tar" -> member;
                    case "data.tar.gz" -> new GZIPInputStream(member);
                    case "data.tar.xz" -> new XZInputStream(member, XZ_MEMORY_KIB_MAX);
                    default -> throw new IOException("compression of " + name + " is not known");
                };
        return new BoundedInputStream(plain, UNPACKED_BYTES_MAX, file.toString());
    }

    private static Map<String, Packed> readTar(
            InputStream in, Predicate<String> isWanted, Path file) throws IOException {
        var files = new TreeMap<String, Packed>();
        var tar = new TarArchiveInputStream(in);
        for (TarArchiveEntry entry = next(tar); entry != null; entry = next(tar)) {
            String name = pathOf(entry.getName());
            if (!isWanted.test(name)) {
                continue;
            }
            if (entry.isSymbolicLink()) {
                files.put(name, new Link(entry.getLinkName()));
            } else if (entry.isLink()) {
                files.put(name, new Link("/" + pathOf(entry.getLinkName())));
            } else if (entry.isFile()) {
                files.put(name, content(tar, entry, name, file));
            }
        }
        return files;
    }

    private static String pathOf(String name) {
        return name.replaceFirst("^\\./", "");
    }

    private static Content content(
            TarArchiveInputStream tar, TarArchiveEntry entry, String name, Path file)
            throws IOException {
        if (entry.getSize() > FILE_BYTES_MAX) {
            throw new IOException("%s in %s is too large".formatted(name, file));
        }
        byte[] content = tar.readNBytes((int) entry.getSize());
        if (content.length != entry.getSize()) {
            throw new IOException("%s in %s is cut short".formatted(name, file));
        }
        return new Content(content, (entry.getMode() & 0111) != 0);
    }

    private static final class CountedInputStream extends FilterInputStream {
        private final Progress.Step step;

        CountedInputStream(InputStream in, Progress.Step step) {
            super(in);
            this.step = step;
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            int n = super.read(buffer, offset, length);
            step.add(Math.max(0, n));
            return n;
        }
    }
}
