package weft.storage.nbd;

import io.netty.buffer.ByteBufAllocator;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/// How connections are secured: by a folder of PEM files with the names that QEMU and libnbd use.
///
/// ```
///   server-cert.pem   the server's certificate, and those between it and the authority's
///   server-key.pem    its private key, PKCS #8, not encrypted
///   ca-cert.pem       if it is there, clients need a certificate that this authority signed
/// ```
///
/// With it the server takes no export without TLS ("FORCEDTLS" in the protocol's terms).
public final class NbdTls {
    private static final String CERTIFICATE = "server-cert.pem";
    private static final String KEY = "server-key.pem";
    private static final String AUTHORITY = "ca-cert.pem";
    private static final int HANDSHAKE_SECONDS_MAX = 10;

    private final SslContext context;

    private NbdTls(SslContext context) {
        this.context = context;
    }

    /// Reads the folder.
    ///
    /// @throws IOException naming the file that is missing or cannot be used
    public static NbdTls of(Path folder) throws IOException {
        Path certificate = required(folder, CERTIFICATE);
        Path key = required(folder, KEY);
        Path authority = folder.resolve(AUTHORITY);
        try {
            var builder =
                    SslContextBuilder.forServer(certificate.toFile(), key.toFile())
                            .sslProvider(SslProvider.JDK)
                            .protocols("TLSv1.3", "TLSv1.2");
            // Also if the link to it leads nowhere: then the context cannot be made.
            if (!Files.notExists(authority, LinkOption.NOFOLLOW_LINKS)) {
                builder.trustManager(authority.toFile()).clientAuth(ClientAuth.REQUIRE);
            }
            return new NbdTls(builder.build());
        } catch (IOException | IllegalArgumentException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            throw new IOException(
                    "the TLS files in %s cannot be used (certificates and a PKCS #8 key, in PEM): %s"
                            .formatted(folder, cause.getMessage()),
                    e);
        }
    }

    private static Path required(Path folder, String name) throws IOException {
        Path file = folder.resolve(name);
        if (!Files.isReadable(file)) {
            throw new IOException(
                    "no readable %s in %s: it needs %s and %s"
                            .formatted(name, folder, CERTIFICATE, KEY));
        }
        return file;
    }

    /// What secures one connection.
    SslHandler handler(ByteBufAllocator allocator) {
        SslHandler handler = context.newHandler(allocator);
        handler.setHandshakeTimeout(HANDSHAKE_SECONDS_MAX, TimeUnit.SECONDS);
        return handler;
    }
}
