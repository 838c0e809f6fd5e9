package weft.ops.node;

import weft.fabric.FailureDomain;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/// The addresses and folders of a fabric on one machine: each part has a loopback address of its
/// own, so that one machine and many behave alike.
///
/// ```text
///   127.0.N.1        ZooKeeper 2181, control
///   127.0.N.11 …     storage nodes: Weft 7400, NBD 10809, metrics 9400
///   127.0.N.21 …     hosts: Weft 7400, VXLAN 4789, metrics 9400
/// ```
///
/// @param index N, 1 to 250: several fabrics can run on one machine
/// @param folder the fabric's state folder
public record LocalLayout(int index, Path folder) {
    private static final int INDEX_MAX = 250;
    private static final int ZOOKEEPER_PORT = 2181;
    private static final int WEFT_PORT = 7400;
    private static final int NBD_PORT = 10809;
    private static final int VXLAN_PORT = 4789;
    private static final int METRICS_PORT = 9400;

    /// A layout whose addresses nobody uses now.
    public static LocalLayout free(Path folder) throws IOException {
        for (int index = 1; index <= INDEX_MAX; index++) {
            var layout = new LocalLayout(index, folder);
            if (isFree(layout.zookeeperAddress())
                    && isFree(layout.address(NodePresence.Role.STORAGE, 1, WEFT_PORT))
                    && isFree(layout.address(NodePresence.Role.HOST, 1, WEFT_PORT))) {
                return layout;
            }
        }
        throw new IOException(
                "no free loopback addresses: %d fabrics run on this machine".formatted(INDEX_MAX));
    }

    private static boolean isFree(InetSocketAddress address) {
        try (var socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(address);
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /// Where the embedded ZooKeeper listens.
    public InetSocketAddress zookeeperAddress() {
        return at(1, ZOOKEEPER_PORT);
    }

    /// The connect string of the embedded ZooKeeper.
    public String zookeeper() {
        return zookeeperAddress().getHostString() + ":" + ZOOKEEPER_PORT;
    }

    /// The n-th part of a role, counted from 1: `node1`, `host2`, `control1`.
    public NodeOptions part(NodePresence.Role role, int number, HostOffer offer) {
        String name =
                switch (role) {
                    case STORAGE -> "node" + number;
                    case HOST -> "host" + number;
                    case CONTROL -> "control" + number;
                };
        InetSocketAddress listen = address(role, number, WEFT_PORT);
        return new NodeOptions(
                new NodeId(name),
                role == NodePresence.Role.STORAGE ? disks(number, 1) : List.of(),
                List.of(),
                zookeeper(),
                listen,
                listen.getHostString(),
                NBD_PORT,
                VXLAN_PORT,
                METRICS_PORT,
                offer,
                Optional.empty(),
                FailureDomain.ofHost(name));
    }

    /// The n-th storage node, with so many disks.
    public NodeOptions storage(int number, int disks) {
        return part(NodePresence.Role.STORAGE, number, HostOffer.NONE)
                .withStores(disks(number, disks), List.of());
    }

    /// The folders of the n-th storage node: `node1`, `node1-disk2`, … A later start may have more.
    public List<Path> disks(int number, int count) {
        String first = "node" + number;
        return IntStream.rangeClosed(1, count)
                .mapToObj(disk -> folder.resolve(disk == 1 ? first : first + "-disk" + disk))
                .toList();
    }

    private InetSocketAddress address(NodePresence.Role role, int number, int port) {
        return switch (role) {
            case STORAGE -> at(10 + number, port);
            case HOST -> at(20 + number, port);
            case CONTROL -> at(number, port);
        };
    }

    private InetSocketAddress at(int last, int port) {
        byte[] octets = {127, 0, (byte) index, (byte) last};
        try {
            var address = InetAddress.getByAddress("127.0.%d.%d".formatted(index, last), octets);
            return new InetSocketAddress(address, port);
        } catch (java.net.UnknownHostException e) {
            throw new AssertionError("four octets are an address", e);
        }
    }
}
