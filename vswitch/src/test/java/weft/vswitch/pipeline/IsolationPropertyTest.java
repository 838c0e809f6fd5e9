package weft.vswitch.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static weft.vswitch.pipeline.FabricOfSwitches.frame;
import static weft.vswitch.pipeline.FabricOfSwitches.host;
import static weft.vswitch.pipeline.FabricOfSwitches.vxlan;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import weft.fabric.MacAddress;
import weft.fabric.Network;
import weft.fabric.NodeId;
import weft.fabric.PortBinding;
import weft.vswitch.packet.EthernetView;
import weft.vswitch.packet.VxlanHeader;
import weft.vswitch.pipeline.FabricOfSwitches.Datagram;
import weft.vswitch.pipeline.FabricOfSwitches.Received;
import weft.vswitch.port.ForwardingImage;

import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/// Random fabrics, random frames, hostile datagrams, moves and images that arrive late at some
/// hosts. Whatever happens: no frame crosses networks, none goes from a tunnel into a tunnel but by
/// a tombstone, none reaches a port in standby or without network, forged ones reach nobody, and
/// every frame is forwarded or dropped once.
class IsolationPropertyTest {
    private static final int RUNS = 60;
    private static final int STEPS_PER_RUN = 400;
    private static final int HOSTS = 4;
    private static final MacAddress BROADCAST = new MacAddress(0xffff_ffff_ffffL);
    private static final String FORGED = "forged";

    @Test
    void noFrameEverCrossesNetworksOrGoesBackIntoATunnel() {
        long seed = Long.getLong("weft.seed", new Random().nextLong());
        System.out.println("IsolationPropertyTest -Dweft.seed=" + seed);
        var random = new Random(seed);
        long delivered = 0;
        for (int run = 0; run < RUNS; run++) {
            delivered += new Run(new Random(random.nextLong()), seed).play();
        }
        assertTrue(delivered > 1000, "the test must test something: " + delivered);
    }

    /// One VM's NIC, wherever it is.
    private static final class Nic {
        final String port;
        final int network;
        final MacAddress mac;
        int host;
        @Nullable Integer next;
        long epoch = 1;

        Nic(String port, int network, MacAddress mac, int host) {
            this.port = port;
            this.network = network;
            this.mac = mac;
            this.host = host;
        }

        /// The same MAC in two networks is two stations.
        long key() {
            return (long) (100 + network) << 48 | mac.bits();
        }
    }

    private static final class Run {
        private final Random random;
        private final String hint;
        private final FabricOfSwitches fabric = new FabricOfSwitches(HOSTS);
        private final List<Network> networks = new ArrayList<>();
        private final List<Nic> nics = new ArrayList<>();
        private final Map<String, Integer> networkOfPort = new HashMap<>();
        private final Map<NodeId, Map<Long, NodeId>> buried = new HashMap<>();
        private boolean isInTunnel;
        private @Nullable NodeId deliveringTo;

        Run(Random random, long seed) {
            this.random = random;
            hint = "replay with -Dweft.seed=" + seed;
            int networkCount = 2 + random.nextInt(3);
            for (int i = 0; i < networkCount; i++) {
                networks.add(new Network("net" + i, i + 1, 100 + i, "10.0.0.0/24"));
            }
            for (int i = 0; i < 14; i++) {
                // Few MACs, so that the same address lives in several networks.
                int network = random.nextInt(networkCount);
                var mac = new MacAddress(0x5254_0000_0000L + i / networkCount + 1);
                if (nics.stream().noneMatch(n -> n.network == network && n.mac.equals(mac))) {
                    nics.add(new Nic("p" + i, network, mac, 1 + random.nextInt(HOSTS)));
                }
            }
            nics.forEach(nic -> plug(nic, nic.host, true));
            fabric.onSend = this::checkSplitHorizon;
            fabric.apply(image());
        }

        private void plug(Nic nic, int host, boolean isOpen) {
            networkOfPort.put(nic.port, nic.network);
            if (!fabric.ports.containsKey(nic.port + "@host" + host)) {
                fabric.plugStandby(host, nic.port, "net" + nic.network, nic.mac);
            }
            if (isOpen) {
                fabric.board(host).activate(nic.port);
                buried.getOrDefault(host(host), new HashMap<>()).remove(nic.key());
            }
        }

        private ForwardingImage image() {
            List<Network> shown = new ArrayList<>(networks);
            if (random.nextInt(6) == 0) {
                shown.remove(random.nextInt(shown.size()));
            }
            List<PortBinding> bindings = new ArrayList<>();
            for (Nic nic : nics) {
                Integer next = nic.next;
                bindings.add(
                        new PortBinding(
                                nic.port,
                                "net" + nic.network,
                                nic.mac,
                                "10.0.0.9/24",
                                host(nic.host),
                                next == null ? null : host(next),
                                nic.epoch));
            }
            return new ForwardingImage(
                    shown,
                    bindings,
                    fabric.vteps,
                    Map.of("net0", List.of(new InetSocketAddress("127.0.8.8", 4789))));
        }

        private void checkSplitHorizon(NodeId from, Datagram datagram) {
            if (!isInTunnel) {
                return;
            }
            assertEquals(deliveringTo, from, hint);
            var inner = new EthernetView().over(datagram.bytes(), 8, datagram.bytes().length - 8);
            long vni = VxlanHeader.vni(datagram.bytes(), 0, datagram.bytes().length);
            NodeId newHost =
                    buried.getOrDefault(from, Map.of()).get(vni << 48 | inner.destination());
            assertNotNull(newHost, "from a tunnel into a tunnel; " + hint);
            assertEquals(fabric.vteps.get(newHost), datagram.to(), hint);
        }

        long play() {
            long delivered = 0;
            for (int step = 0; step < STEPS_PER_RUN; step++) {
                switch (random.nextInt(10)) {
                    case 0 -> move(nics.get(random.nextInt(nics.size())));
                    case 1 -> fabric.apply(image());
                    case 2 ->
                            fabric.board(1 + random.nextInt(HOSTS)).apply(image(), fabric.nowNanos);
                    case 3 -> forge();
                    default -> send(nics.get(random.nextInt(nics.size())));
                }
                settle();
                delivered += checkReceived();
                fabric.nowNanos += random.nextInt(200) * 1_000_000L;
            }
            checkSums();
            return delivered;
        }

        private void send(Nic nic) {
            int host = random.nextInt(8) == 0 ? 1 + random.nextInt(HOSTS) : nic.host;
            PluggedPort port = fabric.ports.get(nic.port + "@host" + host);
            if (port == null) {
                return;
            }
            Nic to = nics.get(random.nextInt(nics.size()));
            MacAddress destination =
                    switch (random.nextInt(6)) {
                        case 0 -> BROADCAST;
                        case 1 -> new MacAddress(0x5254_0099_0000L + random.nextInt(4));
                        default -> to.mac;
                    };
            MacAddress source = random.nextInt(10) == 0 ? to.mac : nic.mac;
            String payload = source.equals(nic.mac) ? "net" + nic.network : FORGED;
            byte[] frame = frame(destination, source, payload);
            if (random.nextInt(20) == 0) {
                frame = java.util.Arrays.copyOf(frame, random.nextInt(14));
            }
            fabric.transmit(host, port, frame);
        }

        private void forge() {
            int victim = 1 + random.nextInt(HOSTS);
            byte[] bytes;
            if (random.nextBoolean()) {
                bytes = new byte[random.nextInt(80)];
                random.nextBytes(bytes);
                if (bytes.length > 7 && random.nextBoolean()) {
                    bytes[0] |= 8;
                    bytes[4] = 0;
                    bytes[5] = 0;
                    bytes[6] = (byte) (100 + random.nextInt(networks.size()));
                }
            } else {
                Nic from = nics.get(random.nextInt(nics.size()));
                Nic to = nics.get(random.nextInt(nics.size()));
                bytes = vxlan(100 + to.network, frame(to.mac, from.mac, FORGED));
            }
            // From an address that is no VTEP: nothing of it may come out anywhere.
            var sender = FabricOfSwitches.address("127.0.66." + (1 + random.nextInt(9)));
            fabric.board(victim).fromUnderlay(sender, bytes, 0, bytes.length, fabric.nowNanos);
        }

        /// One step of a migration: prepare, or commit.
        private void move(Nic nic) {
            Integer next = nic.next;
            if (next == null) {
                int target = 1 + random.nextInt(HOSTS);
                if (target != nic.host) {
                    plug(nic, target, false);
                    nic.next = target;
                }
                return;
            }
            int old = nic.host;
            nic.epoch++;
            nic.host = next;
            nic.next = null;
            fabric.board(old).bury(nic.port, host(next), nic.epoch, fabric.nowNanos);
            buried.computeIfAbsent(host(old), name -> new HashMap<>()).put(nic.key(), host(next));
            plug(nic, next, true);
        }

        private void settle() {
            for (int steps = 0; !fabric.underWay.isEmpty(); steps++) {
                assertTrue(steps < 1000, "a forwarding loop; " + hint);
                Datagram datagram = fabric.underWay.removeFirst();
                isInTunnel = true;
                fabric.vteps.forEach((name, address) -> {
                    if (address.equals(datagram.to())) {
                        deliveringTo = name;
                    }
                });
                fabric.deliver(datagram);
                isInTunnel = false;
            }
        }

        private int checkReceived() {
            for (Received one : fabric.received) {
                String port = one.port().substring(0, one.port().indexOf('@'));
                String payload =
                        new String(
                                one.frame(), 14, one.frame().length - 14, StandardCharsets.UTF_8);
                assertEquals("net" + networkOfPort.get(port), payload, hint);
                PluggedPort plugged = fabric.ports.get(one.port());
                assertNotNull(plugged, hint);
                assertTrue(plugged.isOpen, "a port in standby received; " + hint);
                assertNotNull(plugged.domain, "a port without network received; " + hint);
                assertFalse(payload.contains(FORGED), hint);
            }
            int count = fabric.received.size();
            fabric.received.clear();
            return count;
        }

        private void checkSums() {
            fabric.boards.forEach((name, board) -> {
                SwitchCounters counters = board.counters();
                long drops = 0;
                for (DropReason reason : DropReason.values()) {
                    if (reason.isOfFrames()) {
                        drops += counters.drops(reason);
                    }
                }
                assertEquals(counters.received(), counters.forwarded() + drops, hint);
            });
        }
    }
}
