package weft.storage.nbd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.fixtures.MemoryVolume;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;

import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;

/// Connections with TLS, by libnbd and QEMU with certificates that openssl made. What is not
/// installed skips its test.
@Timeout(120)
class NbdTlsTest {
    private static final int MIB = 1 << 20;

    @TempDir Path folder;
    private final NbdExports exports = new NbdExports();
    private final MemoryVolume memory = new MemoryVolume(8 * MIB, false);
    private Path serverFiles = Path.of("");
    private Path clientFiles = Path.of("");
    private Path strangerFiles = Path.of("");
    private final List<NbdServer> servers = new ArrayList<>();

    @BeforeEach
    void makeCertificates() throws Exception {
        exports.add("memory", () -> CompletableFuture.completedFuture(memory));
        serverFiles = Files.createDirectories(folder.resolve("server"));
        clientFiles = Files.createDirectories(folder.resolve("client"));
        strangerFiles = Files.createDirectories(folder.resolve("stranger"));
        authority("ca");
        authority("other-ca");
        certificate("ca", "server", "server", serverFiles, "IP:127.0.0.1,DNS:localhost");
        certificate("ca", "client", "client", clientFiles, "DNS:client");
        certificate("other-ca", "client", "stranger", strangerFiles, "DNS:stranger");
        Files.copy(folder.resolve("ca.pem"), clientFiles.resolve("ca-cert.pem"));
        Files.copy(folder.resolve("ca.pem"), strangerFiles.resolve("ca-cert.pem"));
    }

    @AfterEach
    void stop() {
        servers.forEach(NbdServer::close);
    }

    private record Ended(int exitCode, String output) {}

    private static Ended run(String... command) throws IOException, InterruptedException {
        Process process;
        try {
            process = new ProcessBuilder(command).redirectErrorStream(true).start();
        } catch (IOException e) {
            return Assumptions.abort(command[0] + " is not installed: " + e.getMessage());
        }
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Ended(process.waitFor(), output);
    }

    private static String good(String... command) throws IOException, InterruptedException {
        Ended ended = run(command);
        assertEquals(0, ended.exitCode(), () -> String.join(" ", command) + "\n" + ended.output());
        return ended.output();
    }

    private void openssl(String line) throws IOException, InterruptedException {
        var words = new ArrayList<>(List.of("openssl"));
        words.addAll(List.of(line.split(" ")));
        good(words.toArray(String[]::new));
    }

    private void authority(String name) throws IOException, InterruptedException {
        openssl(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=%s"
                                .formatted(name)
                        + " -keyout %s/%s-key.pem -out %s/%s.pem"
                                .formatted(folder, name, folder, name));
    }

    /// @param kind what the files' names begin with
    private void certificate(String by, String kind, String name, Path into, String altNames)
            throws IOException, InterruptedException {
        Path request = folder.resolve(name + ".csr");
        openssl(
                "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=%s -addext subjectAltName=%s"
                                .formatted(name, altNames)
                        + " -keyout %s/%s-key.pem -out %s".formatted(into, kind, request));
        openssl(
                "x509 -req -in %s -CA %s/%s.pem -CAkey %s/%s-key.pem -CAcreateserial -days 2"
                                .formatted(request, folder, by, folder, by)
                        + " -copy_extensions copy -out %s/%s-cert.pem".formatted(into, kind));
    }

    private NbdServer serve() throws IOException {
        var server =
                new NbdServer(
                        new InetSocketAddress("127.0.0.1", 0),
                        exports,
                        Optional.of(NbdTls.of(serverFiles)),
                        new SimpleMeterRegistry());
        servers.add(server);
        return server;
    }

    private static String uri(NbdServer server, Path files) {
        return "nbds://127.0.0.1:%d/memory?tls-certificates=%s"
                .formatted(server.address().getPort(), files);
    }

    private void authorizeClients() throws IOException {
        Files.copy(folder.resolve("ca.pem"), serverFiles.resolve("ca-cert.pem"));
    }

    @Test
    void libnbdReadsAndWritesSecured() throws Exception {
        authorizeClients();
        NbdServer server = serve();
        String info = good("nbdinfo", uri(server, clientFiles));
        assertTrue(info.contains("with TLS"), info);
        byte[] content = new byte[8 * MIB];
        new Random(3).nextBytes(content);
        Path image = Files.write(folder.resolve("image"), content);
        Path copy = folder.resolve("copy");
        good("nbdcopy", image.toString(), uri(server, clientFiles));
        good("nbdcopy", uri(server, clientFiles), copy.toString());
        assertEquals(-1, Files.mismatch(image, copy));
        assertTrue(good("nbdinfo", "--list", uri(server, clientFiles)).contains("memory"));
    }

    @Test
    void qemuReadsSecured() throws Exception {
        authorizeClients();
        NbdServer server = serve();
        String output =
                good(
                        "qemu-img",
                        "info",
                        "--object",
                        "tls-creds-x509,id=tls,endpoint=client,verify-peer=yes,dir=" + clientFiles,
                        "--image-opts",
                        "driver=nbd,host=127.0.0.1,port=%d,export=memory,tls-creds=tls"
                                .formatted(server.address().getPort()));
        assertTrue(output.contains("8 MiB"), output);
    }

    @Test
    void aClientWithoutACertificateOfTheAuthorityIsRefused() throws Exception {
        authorizeClients();
        NbdServer server = serve();
        assertNotEquals(0, run("nbdinfo", uri(server, strangerFiles)).exitCode());
        // The server is there for others.
        good("nbdinfo", uri(server, clientFiles));
    }

    @Test
    void withoutAnAuthorityAnyClientMayCome() throws Exception {
        good("nbdinfo", uri(serve(), strangerFiles));
    }

    @Test
    void nothingIsToldInTheClear() throws Exception {
        NbdServer server = serve();
        String clear = "nbd://127.0.0.1:%d/memory".formatted(server.address().getPort());
        Ended ended = run("nbdinfo", clear);
        assertNotEquals(0, ended.exitCode());
        assertNotEquals(0, run("nbdinfo", "--list", clear).exitCode());
    }

    private static int replyTo(NbdClient client, int option, byte... body) throws IOException {
        return client.option(option, body).optionReply().type();
    }

    private static void handshake(NbdClient client) throws Exception {
        SSLContext trusting = SSLContext.getInstance("TLS");
        trusting.init(null, InsecureTrustManagerFactory.INSTANCE.getTrustManagers(), null);
        Socket socket = client.socket();
        var secured =
                (SSLSocket)
                        trusting.getSocketFactory()
                                .createSocket(socket, "localhost", socket.getPort(), false);
        secured.startHandshake();
    }

    @Test
    void whatComesInTheClearBehindStartTlsIsNotTaken() throws Exception {
        try (var client = new NbdClient(serve().address()).greeted(3)) {
            // In one segment with the option that would be forged.
            for (int option : new int[] {NbdProtocol.OPT_STARTTLS, NbdProtocol.OPT_LIST}) {
                client.out.writeLong(NbdProtocol.IHAVEOPT);
                client.out.writeInt(option);
                client.out.writeInt(0);
            }
            client.out.flush();
            // Were it kept, it would be answered as if it had come secured.
            assertThrows(
                    IOException.class,
                    () -> {
                        client.optionReply();
                        handshake(client);
                    });
        }
        try (var client = new NbdClient(serve().address()).greeted(3)) {
            assertEquals(NbdProtocol.REP_ACK, replyTo(client, NbdProtocol.OPT_STARTTLS));
            handshake(client);
        }
    }

    @Test
    void optionsInTheClearAreRefusedByTheirNumbers() throws Exception {
        try (var client = new NbdClient(serve().address()).greeted(3)) {
            int required = NbdProtocol.REP_ERR_TLS_REQD;
            assertEquals(required, replyTo(client, NbdProtocol.OPT_STRUCTURED_REPLY));
            assertEquals(required, replyTo(client, NbdProtocol.OPT_GO, NbdClient.wanted("memory")));
            assertEquals(
                    NbdProtocol.REP_ERR_INVALID,
                    replyTo(client, NbdProtocol.OPT_STARTTLS, (byte) 1));
            assertEquals(NbdProtocol.REP_ACK, replyTo(client, NbdProtocol.OPT_STARTTLS));
            // No TLS: the connection ends.
            byte[] rest = client.option(NbdProtocol.OPT_LIST, new byte[0]).in.readAllBytes();
            assertTrue(rest.length <= 7, "an alert at most: " + rest.length);
        }
        try (var client = new NbdClient(serve().address()).greeted(3)) {
            client.option(NbdProtocol.OPT_EXPORT_NAME, "memory".getBytes(StandardCharsets.UTF_8));
            assertEquals(-1, client.in.read());
        }
    }

    @Test
    void filesThatAreMissingOrNoneAreNamed() throws Exception {
        var none = assertThrows(IOException.class, () -> NbdTls.of(folder));
        assertTrue(none.toString().contains("server-cert.pem"), none::toString);
        Files.writeString(serverFiles.resolve("server-key.pem"), "no key");
        var broken = assertThrows(IOException.class, () -> NbdTls.of(serverFiles));
        assertTrue(broken.toString().contains(serverFiles.toString()), broken::toString);
    }
}
