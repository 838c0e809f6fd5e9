package weft.coordination.zookeeper;

import org.apache.zookeeper.server.embedded.ExitHandler;
import org.apache.zookeeper.server.embedded.ZooKeeperServerEmbedded;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;

/// A ZooKeeper server in this process, for fabrics of one machine. Its folder survives restarts;
/// every change is forced to disk before it is answered.
public final class EmbeddedZooKeeper implements AutoCloseable {
    private final ZooKeeperServerEmbedded server;
    private final String connectString;

    private EmbeddedZooKeeper(ZooKeeperServerEmbedded server, String connectString) {
        this.server = server;
        this.connectString = connectString;
    }

    /// Starts a server.
    ///
    /// @param folder where its state is; made if missing
    /// @param address the address to listen on
    /// @param port the port, or 0 for a free one
    public static EmbeddedZooKeeper start(Path folder, String address, int port)
            throws IOException {
        requireFree(address, port);
        Files.createDirectories(folder);
        var settings = new Properties();
        settings.setProperty("clientPortAddress", address);
        settings.setProperty("clientPort", Integer.toString(port));
        // Sessions may last 2 to 20 ticks: ours are 6 s.
        settings.setProperty("tickTime", "1000");
        settings.setProperty("admin.enableServer", "false");
        settings.setProperty("4lw.commands.whitelist", "");
        settings.setProperty("forceSync", "yes");
        settings.setProperty("autopurge.snapRetainCount", "3");
        settings.setProperty("autopurge.purgeInterval", "24");
        settings.setProperty("maxClientCnxns", "0");
        try {
            var server =
                    ZooKeeperServerEmbedded.builder()
                            .baseDir(folder)
                            .configuration(settings)
                            .exitHandler(ExitHandler.LOG_ONLY)
                            .build();
            server.start(20_000);
            return new EmbeddedZooKeeper(server, server.getConnectionString());
        } catch (IOException e) {
            throw e;
        } catch (Exception e) {
            throw new IOException(
                    "cannot start ZooKeeper on %s:%d in %s: %s"
                            .formatted(address, port, folder, e.getMessage()),
                    e);
        }
    }

    /// ZooKeeper itself neither says that its port is taken nor ends for it.
    private static void requireFree(String address, int port) throws IOException {
        try (var probe = new ServerSocket()) {
            probe.setReuseAddress(true);
            probe.bind(new InetSocketAddress(address, port));
        } catch (IOException e) {
            throw new IOException(
                    "ZooKeeper cannot listen on %s:%d: %s".formatted(address, port, e.getMessage()),
                    e);
        }
    }

    /// `host:port` for clients.
    public String connectString() {
        return connectString;
    }

    @Override
    public void close() {
        server.close();
    }
}
