package weft.vswitch.pipeline;

import weft.fabric.MacAddress;
import weft.fabric.NodeId;
import weft.vswitch.packet.VxlanHeader;
import weft.vswitch.port.ForwardingImage;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;

/// Several switches and a network between them, stepped by hand: datagrams wait until they are
/// delivered, time stands until it is moved.
final class FabricOfSwitches {
    /// A datagram under way.
    record Datagram(InetAddress from, InetSocketAddress to, byte[] bytes) {}

    /// A frame that came out at a port.
    static final int FRAME_MAX = 1514;

    record Received(String port, byte[] frame) {}

    final Map<NodeId, Switchboard> boards = new HashMap<>();
    final Map<NodeId, InetSocketAddress> vteps = new HashMap<>();
    final Map<String, PluggedPort> ports = new HashMap<>();
    final Deque<Datagram> underWay = new ArrayDeque<>();
    final List<Received> received = new ArrayList<>();
    BiConsumer<NodeId, Datagram> onSend = (from, datagram) -> {};
    long nowNanos = 1_000;

    FabricOfSwitches(int hostCount) {
        for (int i = 1; i <= hostCount; i++) {
            var host = new NodeId("host" + i);
            var address = new InetSocketAddress("127.0.9." + i, VxlanHeader.UDP_PORT);
            vteps.put(host, address);
            boards.put(
                    host,
                    new Switchboard(
                            host,
                            FRAME_MAX,
                            1550,
                            (to, vni, frame, offset, length) -> {
                                byte[] inner = Arrays.copyOfRange(frame, offset, offset + length);
                                var sent =
                                        new Datagram(address.getAddress(), to, vxlan(vni, inner));
                                onSend.accept(host, sent);
                                return underWay.add(sent);
                            }));
        }
    }

    static NodeId host(int number) {
        return new NodeId("host" + number);
    }

    static InetAddress address(String text) {
        try {
            return InetAddress.getByName(text);
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException(e);
        }
    }

    static byte[] vxlan(int vni, byte[] inner) {
        byte[] out = new byte[VxlanHeader.SIZE_BYTES + inner.length];
        VxlanHeader.emit(vni, out, 0);
        System.arraycopy(inner, 0, out, VxlanHeader.SIZE_BYTES, inner.length);
        return out;
    }

    static byte[] frame(MacAddress to, MacAddress from, String payload) {
        byte[] text = payload.getBytes(java.nio.charset.StandardCharsets.US_ASCII);
        return ByteBuffer.allocate(14 + text.length)
                .put(to.toBytes())
                .put(from.toBytes())
                .putShort((short) 0x88b5)
                .put(text)
                .array();
    }

    Switchboard board(int number) {
        return board(host(number));
    }

    Switchboard board(NodeId host) {
        Switchboard found = boards.get(host);
        if (found == null) {
            throw new IllegalArgumentException("no host " + host);
        }
        return found;
    }

    void apply(ForwardingImage image) {
        boards.values().forEach(board -> board.apply(image, nowNanos));
    }

    /// Plugs a port in standby and notes what it receives. The key is `<id>@<host>`.
    PluggedPort plugStandby(int host, String id, String network, MacAddress mac) {
        String key = id + "@host" + host;
        PluggedPort port =
                board(host)
                        .plug(
                                id,
                                network,
                                mac,
                                (bytes, offset, length) ->
                                        received.add(
                                                new Received(
                                                        key,
                                                        Arrays.copyOfRange(
                                                                bytes, offset, offset + length))),
                                nowNanos);
        ports.put(key, port);
        return port;
    }

    PluggedPort plug(int host, String id, String network, MacAddress mac) {
        PluggedPort port = plugStandby(host, id, network, mac);
        board(host).activate(id);
        return port;
    }

    void transmit(int host, PluggedPort port, byte[] frame) {
        board(host).fromPort(port, frame, 0, frame.length, nowNanos);
    }

    /// Delivers one datagram to the switch it is for, if there is one.
    void deliver(Datagram datagram) {
        vteps.forEach((host, address) -> {
            if (address.equals(datagram.to())) {
                board(host)
                        .fromUnderlay(
                                datagram.from(),
                                datagram.bytes(),
                                0,
                                datagram.bytes().length,
                                nowNanos);
            }
        });
    }

    /// Delivers all that is under way, and what that causes.
    void settle() {
        for (int steps = 0; !underWay.isEmpty(); steps++) {
            if (steps > 10_000) {
                throw new AssertionError("datagrams breed: a forwarding loop");
            }
            deliver(underWay.removeFirst());
        }
    }

    /// Who received what since the last call, as `port:payload`, sorted.
    List<String> harvest() {
        settle();
        List<String> all = new ArrayList<>();
        for (Received one : received) {
            String text =
                    new String(
                            one.frame,
                            14,
                            one.frame.length - 14,
                            java.nio.charset.StandardCharsets.ISO_8859_1);
            all.add(one.port + ":" + text);
        }
        received.clear();
        all.sort(null);
        return all;
    }
}
