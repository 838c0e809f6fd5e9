package weft.vswitch.port;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.FabricImage;
import weft.fabric.MacAddress;
import weft.fabric.Network;
import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fabric.PoolSettings;
import weft.fabric.PortBinding;

import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;

class ForwardingImageTest {
    private static final NodeId HOST1 = new NodeId("host1");
    private static final NodeId HOST2 = new NodeId("host2");

    private static FabricImage fabric(Map<String, NodePresence> presences) {
        return new FabricImage(
                Optional.empty(),
                PoolSettings.NONE,
                presences,
                Map.of(),
                Map.of(),
                Map.of(),
                Map.of(),
                Map.of("blue", new Network("blue", 10, 100, "10.0.0.0/24")),
                Map.of(
                        "a-0",
                        new PortBinding(
                                "a-0",
                                "blue",
                                new MacAddress(0x5254_0000_0001L),
                                "",
                                HOST1,
                                null,
                                1)),
                Map.of(),
                Map.of(),
                Map.of());
    }

    private static NodePresence host(NodeId node, String vtep) {
        return new NodePresence(node, NodePresence.Role.HOST, 1, "", "", vtep, "", List.of(), 0, 1);
    }

    @Test
    void aHostThatLostItsSessionKeepsItsVtepUntilAnotherHasTheAddress() {
        var first =
                ForwardingImage.of(
                        fabric(Map.of("host/host1", host(HOST1, "127.0.1.1:4789"))),
                        ForwardingImage.EMPTY);
        assertEquals(Map.of(HOST1, new InetSocketAddress("127.0.1.1", 4789)), first.vteps());
        var away = ForwardingImage.of(fabric(Map.of()), first);
        assertEquals(first.vteps(), away.vteps());
        var replaced =
                ForwardingImage.of(
                        fabric(Map.of("host/host2", host(HOST2, "127.0.1.1:4789"))), away);
        assertEquals(Map.of(HOST2, new InetSocketAddress("127.0.1.1", 4789)), replaced.vteps());
    }

    @Test
    void aVtepThatIsNoAddressIsNamed() {
        for (String vtep : List.of("nonsense", "127.0.1.1:", "127.0.1.1:99999")) {
            var refused =
                    assertThrows(
                            IllegalArgumentException.class,
                            () ->
                                    ForwardingImage.of(
                                            fabric(Map.of("host/host1", host(HOST1, vtep))),
                                            ForwardingImage.EMPTY));
            assertTrue(String.valueOf(refused.getMessage()).contains("host1"), refused::toString);
        }
    }
}
