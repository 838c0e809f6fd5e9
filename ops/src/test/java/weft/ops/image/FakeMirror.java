package weft.ops.image;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

import org.apache.commons.compress.archivers.ar.ArArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/// A tiny Debian archive on 127.0.0.1: one kernel, one busybox, an index and a signed Release, all
/// of which a test may spoil before it is asked for.
final class FakeMirror implements AutoCloseable {
    static final String KERNEL_DEB =
            "pool/main/l/linux/linux-image-6.12.9-riscv64_6.12.9-1_riscv64.deb";
    static final String BUSYBOX_DEB = "pool/main/b/busybox/busybox-static_1.37.0-6_riscv64.deb";
    static final String RELEASE = "dists/trixie/InRelease";
    static final String INDEX = "dists/trixie/main/binary-riscv64/Packages.xz";
    static final String MODULES = "usr/lib/modules/6.12.9-riscv64/kernel/";

    private final HttpServer server;
    private final Map<String, byte[]> files = new ConcurrentHashMap<>();
    private final Map<String, Integer> cutAt = new ConcurrentHashMap<>();
    private final List<String> asked = new CopyOnWriteArrayList<>();

    FakeMirror(SigningKey key) throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::answer);
        server.start();
        files.put(KERNEL_DEB, kernelDeb());
        files.put(BUSYBOX_DEB, deb(Map.of("usr/bin/busybox", busybox())));
        publish(key, "trixie");
    }

    URI uri() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/debian");
    }

    /// Paths asked for since the last call.
    List<String> asked() {
        List<String> paths = List.copyOf(asked);
        asked.clear();
        return paths;
    }

    byte[] file(String path) {
        return files.getOrDefault(path, new byte[0]);
    }

    void put(String path, byte[] content) {
        files.put(path, content);
    }

    void remove(String path) {
        files.remove(path);
    }

    /// The connection ends after so many bytes, although more were promised.
    void cut(String path, int bytes) {
        cutAt.put(path, bytes);
    }

    /// Index and Release that fit the packages as they now are.
    void publish(SigningKey key, String codename) throws IOException {
        publishIndex(
                key,
                codename,
                stanza(
                                "linux-image-riscv64",
                                "linux-image-6.12.9-riscv64 (= 6.12.9-1)",
                                BUSYBOX_DEB)
                        + stanza("linux-image-6.12.9-riscv64", "kmod", KERNEL_DEB)
                        + stanza("busybox-static", "", BUSYBOX_DEB)
                        + stanza("unrelated", "", BUSYBOX_DEB));
    }

    /// Only these packages, by name, each with what its `Depends` says and its files.
    void publish(SigningKey key, Map<String, String> depends, Map<String, byte[]> debs)
            throws IOException {
        var index = new StringBuilder();
        for (String name : new TreeMap<>(depends).keySet()) {
            String path = "pool/main/%s_1-1_riscv64.deb".formatted(name);
            files.put(path, debs.getOrDefault(name, deb(Map.of())));
            index.append(stanza(name, depends.getOrDefault(name, ""), path));
        }
        publishIndex(key, "trixie", index.toString());
    }

    private void publishIndex(SigningKey key, String codename, String index) throws IOException {
        put(INDEX, xz(index.getBytes(StandardCharsets.UTF_8)));
        byte[] packed = file(INDEX);
        String release =
                """
                Origin: Debian
                Suite: stable
                Codename: %s
                SHA256:
                 %s %d main/binary-riscv64/Packages.xz
                """
                        .formatted(codename, hex(packed), packed.length);
        put(RELEASE, key.clearSigned(release));
    }

    private String stanza(String name, String depends, String path) {
        return """
        Package: %s
        Version: 1-1
        Depends: %s
        Description: something
         with a second line
        Filename: %s
        Size: %d
        SHA256: %s

        """
                .formatted(name, depends, path, file(path).length, hex(file(path)));
    }

    static String hex(byte[] content) {
        var sha256 = Digest.sha256();
        sha256.update(content);
        return Digest.of(sha256).hex();
    }

    private void answer(HttpExchange exchange) {
        String path = exchange.getRequestURI().getPath().replaceFirst("^/debian/", "");
        asked.add(path);
        byte[] content = files.get(path);
        try (exchange) {
            if (content == null) {
                exchange.sendResponseHeaders(404, -1);
                return;
            }
            exchange.sendResponseHeaders(200, content.length);
            int length = Math.min(content.length, cutAt.getOrDefault(path, content.length));
            exchange.getResponseBody().write(content, 0, length);
            // Else a reply that is cut is never sent at all.
            exchange.getResponseBody().flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        server.stop(0);
    }

    private static byte[] kernelDeb() throws IOException {
        var kernel = new byte[4096];
        System.arraycopy("RISCV".getBytes(StandardCharsets.US_ASCII), 0, kernel, 0x30, 5);
        var modules = new TreeMap<String, byte[]>();
        modules.put("boot/vmlinux-6.12.9-riscv64", kernel);
        modules.put(MODULES + "a/virtio_mmio.ko.xz", xz(module("depends=")));
        modules.put(MODULES + "a/virtio_blk.ko.xz", xz(module("depends=")));
        modules.put(MODULES + "a/virtio_net.ko.xz", xz(module("depends=net_failover")));
        modules.put(MODULES + "a/net_failover.ko.xz", xz(module("depends=failover")));
        modules.put(MODULES + "a/failover.ko.xz", xz(module("depends=")));
        modules.put(
                MODULES + "b/ext4.ko.xz",
                xz(module("depends=jbd2,mbcache", "softdep=pre: crypto-crc32c", "alias=fs-ext4")));
        modules.put(MODULES + "b/jbd2.ko.xz", xz(module("depends=")));
        modules.put(MODULES + "b/mbcache.ko.xz", xz(module("depends=")));
        modules.put(
                MODULES + "b/crc32c_generic.ko.xz", xz(module("depends=", "alias=crypto-crc32c")));
        modules.put(MODULES + "c/unwanted.ko.xz", xz(new byte[0]));
        return deb(modules);
    }

    /// The bytes before the table are what a real binary has there: no NUL.
    private static byte[] busybox() {
        return ("\u007fELF code[\0[[\0ash\0busybox\0init\0mount\0sh\0test\0\0more")
                .getBytes(StandardCharsets.ISO_8859_1);
    }

    /// A 64-bit RISC-V ELF file whose only sections are `.modinfo` and the section names.
    static byte[] module(String... lines) {
        byte[] modinfo = (String.join("\0", lines) + "\0").getBytes(StandardCharsets.US_ASCII);
        byte[] names = "\0.modinfo\0".getBytes(StandardCharsets.US_ASCII);
        int sections = 64 + modinfo.length + names.length;
        var elf = ByteBuffer.allocate(sections + 3 * 64).order(ByteOrder.LITTLE_ENDIAN);
        elf.putInt(0, 0x464c457f).put(4, (byte) 2).putShort(18, (short) 243);
        elf.putLong(40, sections).putShort(60, (short) 3).putShort(62, (short) 2);
        elf.put(64, modinfo).put(64 + modinfo.length, names);
        elf.putInt(sections + 64, 1);
        elf.putLong(sections + 64 + 24, 64).putLong(sections + 64 + 32, modinfo.length);
        elf.putLong(sections + 128 + 24, 64 + modinfo.length);
        elf.putLong(sections + 128 + 32, names.length);
        return elf.array();
    }

    static byte[] deb(Map<String, byte[]> files) throws IOException {
        var tarBytes = new ByteArrayOutputStream();
        try (var tar =
                new TarArchiveOutputStream(new XZOutputStream(tarBytes, new LZMA2Options(1)))) {
            for (Map.Entry<String, byte[]> file : new TreeMap<>(files).entrySet()) {
                var entry = new TarArchiveEntry("./" + file.getKey());
                entry.setSize(file.getValue().length);
                tar.putArchiveEntry(entry);
                tar.write(file.getValue());
                tar.closeArchiveEntry();
            }
        }
        var arBytes = new ByteArrayOutputStream();
        try (var ar = new ArArchiveOutputStream(arBytes)) {
            putMember(ar, "debian-binary", "2.0\n".getBytes(StandardCharsets.US_ASCII));
            putMember(ar, "control.tar.xz", xz(new byte[1024]));
            putMember(ar, "data.tar.xz", tarBytes.toByteArray());
        }
        return arBytes.toByteArray();
    }

    private static void putMember(ArArchiveOutputStream ar, String name, byte[] content)
            throws IOException {
        ar.putArchiveEntry(new ArArchiveEntry(name, content.length));
        ar.write(content);
        ar.closeArchiveEntry();
    }

    static byte[] xz(byte[] content) throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var out = new XZOutputStream(bytes, new LZMA2Options(1))) {
            out.write(content);
        }
        return bytes.toByteArray();
    }
}
