package weft.ops.image;

import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.URLConnection;
import java.net.UnknownHostException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;

/// Files from the net, cached by digest. A file enters the cache in one step, after its length and
/// digest were found right; whatever goes wrong before leaves the cache as it was.
final class Downloads {
    private static final int CONNECT_TIMEOUT_MILLIS = 15_000;
    private static final int READ_TIMEOUT_MILLIS = 30_000;
    private static final int BUFFER_BYTES = 1 << 16;

    private final Path folder;
    private final Proxy proxy;

    /// @param folder holds one file per digest; made when needed
    Downloads(Path folder, Proxy proxy) {
        this.folder = folder;
        this.proxy = proxy;
    }

    /// A small file whose digest nobody knows beforehand.
    byte[] fetchSmall(URI uri, int bytesMax) throws IOException {
        URLConnection connection = open(uri);
        try (InputStream in = inputOf(connection, uri)) {
            var bytes = new ByteArrayOutputStream();
            byte[] buffer = new byte[BUFFER_BYTES];
            for (int n = read(in, buffer, uri); n >= 0; n = read(in, buffer, uri)) {
                if (bytes.size() + n > bytesMax) {
                    throw new IOException("%s is longer than %d bytes".formatted(uri, bytesMax));
                }
                bytes.write(buffer, 0, n);
            }
            long promised = connection.getContentLengthLong();
            if (promised >= 0 && promised != bytes.size()) {
                throw brokenOff(uri, bytes.size(), promised);
            }
            return bytes.toByteArray();
        }
    }

    /// The file with this digest, from the cache or from the net.
    ///
    /// @param sizeBytes its exact length
    Path fetch(URI uri, Digest digest, long sizeBytes, Progress progress) throws IOException {
        Path cached = folder.resolve(digest.hex());
        if (Files.isRegularFile(cached)
                && Files.size(cached) == sizeBytes
                && Digest.ofFiles(cached).equals(digest)) {
            return cached;
        }
        Files.createDirectories(folder);
        requireSpace(uri, sizeBytes);
        Path temporary = Files.createTempFile(folder, "download", ".part");
        try {
            String path = uri.getPath();
            String label = path.substring(path.lastIndexOf('/') + 1);
            try (Progress.Step step = progress.begin(label, sizeBytes)) {
                download(uri, digest, sizeBytes, temporary, step);
            }
            Files.move(temporary, cached, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(temporary);
        }
        return cached;
    }

    private void requireSpace(URI uri, long sizeBytes) throws IOException {
        long usableBytes = Files.getFileStore(folder).getUsableSpace();
        if (usableBytes < sizeBytes) {
            throw new IOException(
                    "%s needs %d MiB but %s has %d MiB free: make room or choose another --dir"
                            .formatted(uri, sizeBytes >> 20, folder, usableBytes >> 20));
        }
    }

    private void download(
            URI uri, Digest digest, long sizeBytes, Path temporary, Progress.Step step)
            throws IOException {
        MessageDigest sha256 = Digest.sha256();
        long got = 0;
        try (InputStream in = inputOf(open(uri), uri);
                FileChannel file = FileChannel.open(temporary, StandardOpenOption.WRITE);
                OutputStream out = Channels.newOutputStream(file)) {
            byte[] buffer = new byte[BUFFER_BYTES];
            for (int n = read(in, buffer, uri); n >= 0; n = read(in, buffer, uri)) {
                got += n;
                if (got > sizeBytes) {
                    throw new IOException(
                            "%s is longer than the %d bytes its index promises: try another --mirror"
                                    .formatted(uri, sizeBytes));
                }
                out.write(buffer, 0, n);
                sha256.update(buffer, 0, n);
                step.add(n);
            }
            // Before the rename that puts it into the cache: a power cut leaves no half file there.
            file.force(true);
        }
        if (got != sizeBytes) {
            throw brokenOff(uri, got, sizeBytes);
        }
        Digest found = Digest.of(sha256);
        if (!found.equals(digest)) {
            throw new IOException(
                    "%s has the wrong content: SHA-256 is %s, its index promises %s; the mirror may be changing, try again or another --mirror"
                            .formatted(uri, found, digest));
        }
    }

    private URLConnection open(URI uri) throws IOException {
        URLConnection connection = uri.toURL().openConnection(proxy);
        connection.setConnectTimeout(CONNECT_TIMEOUT_MILLIS);
        connection.setReadTimeout(READ_TIMEOUT_MILLIS);
        connection.setRequestProperty("User-Agent", "weft");
        return connection;
    }

    private static InputStream inputOf(URLConnection connection, URI uri) throws IOException {
        try {
            if (connection instanceof HttpURLConnection http) {
                int status = http.getResponseCode();
                if (status == HttpURLConnection.HTTP_NOT_FOUND) {
                    throw new IOException(
                            uri + " does not exist there (404): is --mirror a Debian mirror?");
                }
                if (status != HttpURLConnection.HTTP_OK) {
                    throw new IOException("%s answered HTTP status %d".formatted(uri, status));
                }
            }
            return connection.getInputStream();
        } catch (UnknownHostException e) {
            throw unreachable(uri, "unknown host " + uri.getHost(), e);
        } catch (SocketTimeoutException | java.net.SocketException e) {
            throw unreachable(uri, String.valueOf(e.getMessage()), e);
        } catch (FileNotFoundException e) {
            throw new IOException(uri + " does not exist", e);
        }
    }

    private static int read(InputStream in, byte[] buffer, URI uri) throws IOException {
        try {
            return in.read(buffer);
        } catch (IOException e) {
            throw new IOException(
                    "the download of %s broke off (%s): try again".formatted(uri, e.getMessage()),
                    e);
        }
    }

    private static IOException unreachable(URI uri, String why, IOException cause) {
        return new IOException(
                "cannot reach %s: %s; check the network or give another --mirror"
                        .formatted(uri, why),
                cause);
    }

    private static IOException brokenOff(URI uri, long gotBytes, long promisedBytes) {
        return new IOException(
                "the download of %s broke off after %d of %d bytes: try again"
                        .formatted(uri, gotBytes, promisedBytes));
    }
}
