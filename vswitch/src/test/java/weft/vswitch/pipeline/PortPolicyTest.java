package weft.vswitch.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vswitch.pipeline.FabricOfSwitches.host;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import weft.fabric.GroupRule;
import weft.fabric.GroupRule.Direction;
import weft.fabric.GroupRule.Protocol;
import weft.fabric.Ipv4Interface;
import weft.fabric.MacAddress;
import weft.fabric.Network;
import weft.fabric.PortBinding;
import weft.fabric.SecurityGroup;
import weft.vswitch.port.ForwardingImage;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Groups at the ports of two hosts: web-0 and app-0 on the first, db-0 on the second.
class PortPolicyTest {
    private static final MacAddress WEB = MacAddress.parse("52:54:00:00:00:0a");
    private static final MacAddress APP = MacAddress.parse("52:54:00:00:00:0b");
    private static final MacAddress DB = MacAddress.parse("52:54:00:00:00:0c");
    private static final MacAddress BROADCAST = new MacAddress(0xffff_ffff_ffffL);
    private static final GroupRule ALL_OUT = GroupRule.of(Direction.OUT, Protocol.ANY, "");
    private static final GroupRule DNS =
            new GroupRule(Direction.IN, Protocol.UDP, 53, 53, "10.0.0.0/24");

    private final FabricOfSwitches fabric = new FabricOfSwitches(2);
    private PluggedPort web;
    private PluggedPort app;
    private PluggedPort db;

    @BeforeEach
    void plug() {
        web = fabric.plug(1, "web-0", "blue", WEB);
        app = fabric.plug(1, "app-0", "blue", APP);
        db = fabric.plug(2, "db-0", "blue", DB);
    }

    private static PortBinding binding(
            String port, MacAddress mac, int last, int at, String... groups) {
        return new PortBinding(
                port, "blue", mac, "10.0.0." + last + "/24", host(at), null, 1, List.of(groups));
    }

    /// With web-0 and db-0 in a group of these rules, and app-0 in none.
    private void given(GroupRule... rules) {
        fabric.apply(
                new ForwardingImage(
                        List.of(new Network("blue", 10, 100, "10.0.0.0/24")),
                        List.of(
                                binding("web-0", WEB, 10, 1, "served"),
                                binding("app-0", APP, 11, 1),
                                binding("db-0", DB, 12, 2, "served")),
                        fabric.vteps,
                        Map.of(),
                        List.of(new SecurityGroup("served", "blue", List.of(rules)))));
    }

    private static byte[] udp(
            MacAddress to, MacAddress from, int last, int toLast, int port, int toPort) {
        return ByteBuffer.allocate(60)
                .put(to.toBytes())
                .put(from.toBytes())
                .putShort((short) 0x0800)
                .putShort((short) 0x4500)
                .putShort((short) 46)
                .putInt(0)
                .put((byte) 64)
                .put((byte) 17)
                .putShort((short) 0)
                .putInt(Ipv4Interface.parse("10.0.0." + last + "/24").address())
                .putInt(Ipv4Interface.parse("10.0.0." + toLast + "/24").address())
                .putShort((short) port)
                .putShort((short) toPort)
                .putShort((short) 26)
                .array();
    }

    private List<String> sent(int host, PluggedPort from, byte[] frame) {
        fabric.transmit(host, from, frame);
        fabric.settle();
        List<String> at = new ArrayList<>();
        fabric.received.forEach(one -> at.add(one.port()));
        fabric.received.clear();
        assertSumHolds();
        return at;
    }

    private void assertSumHolds() {
        for (int board = 1; board <= 2; board++) {
            SwitchCounters counters = fabric.board(board).counters();
            long drops = 0;
            for (DropReason reason : DropReason.values()) {
                drops += reason.isOfFrames() ? counters.drops(reason) : 0;
            }
            assertEquals(counters.received(), counters.forwarded() + counters.answered() + drops);
        }
    }

    private static long drops(PluggedPort port, DropReason reason) {
        return port.report().drops().getOrDefault(reason.label(), 0L);
    }

    @Test
    void aPortLetsInWhatItsRulesSayFromHereAndFromOtherHosts() {
        given(DNS, ALL_OUT);
        assertEquals(List.of("web-0@host1"), sent(1, app, udp(WEB, APP, 11, 10, 999, 53)));
        assertEquals(List.of("app-0@host1"), sent(1, web, udp(APP, WEB, 10, 11, 53, 999)));
        assertEquals(List.of(), sent(1, app, udp(WEB, APP, 11, 10, 999, 54)));
        assertEquals(List.of("db-0@host2"), sent(1, app, udp(DB, APP, 11, 12, 999, 53)));
        assertEquals(List.of(), sent(1, app, udp(DB, APP, 11, 12, 999, 54)));
        assertEquals(1, drops(web, DropReason.DENIED_IN));
        assertEquals(1, drops(db, DropReason.DENIED_IN));
        assertEquals(0, app.counters().drops(), "it may send what others do not let in");
        assertEquals(Map.of(), fabric.board(2).counters().report().tunnelDrops());
    }

    @Test
    void aPortSendsWhatItsRulesSay() {
        given(DNS);
        assertEquals(List.of(), sent(1, web, udp(APP, WEB, 10, 11, 999, 53)));
        assertEquals(1, drops(web, DropReason.DENIED_OUT));
        assertEquals(List.of("web-0@host1"), sent(1, app, udp(WEB, APP, 11, 10, 999, 53)));
        assertEquals(List.of("app-0@host1"), sent(1, web, udp(APP, WEB, 10, 11, 53, 999)));
    }

    @Test
    void aPortWithoutGroupsLetsInItsLikeOnly() {
        given(ALL_OUT);
        assertEquals(List.of(), sent(2, db, udp(APP, DB, 12, 11, 1, 2)));
        assertEquals(1, drops(app, DropReason.DENIED_IN));
    }

    @Test
    void eachPortJudgesItsCopyOfAFloodedFrame() {
        given(DNS, ALL_OUT);
        assertEquals(
                List.of("web-0@host1", "db-0@host2"),
                sent(1, app, udp(BROADCAST, APP, 11, 255, 999, 53)));
        assertEquals(List.of(), sent(1, app, udp(BROADCAST, APP, 11, 255, 999, 54)));
        assertEquals(1, drops(web, DropReason.COPY_DENIED));
        assertEquals(1, drops(db, DropReason.COPY_DENIED));
        assertEquals(0, web.connections(0, 10, 0).size());
    }

    @Test
    void whatTheNetworkItselfAnswersIsNotAskedFor() {
        given();
        byte[] question =
                ByteBuffer.allocate(42)
                        .put(BROADCAST.toBytes())
                        .put(WEB.toBytes())
                        .putShort((short) 0x0806)
                        .putLong(0x0001_0800_0604_0001L)
                        .put(WEB.toBytes())
                        .putInt(0x0a00_000a)
                        .putShort((short) 0)
                        .putInt(0)
                        .putInt(0x0a00_000b)
                        .array();
        assertEquals(List.of("web-0@host1"), sent(1, web, question));
    }

    @Test
    void connectionsAreForgottenInTime() {
        given(DNS, ALL_OUT);
        assertEquals(List.of("web-0@host1"), sent(1, app, udp(WEB, APP, 11, 10, 999, 53)));
        assertEquals(1, web.connections(0, 10, 0).size());
        for (int second = 0; second < 40; second++) {
            assertEquals(second < 30 ? 1 : 0, Math.min(1, web.connections(0, 10, 0).size()));
            fabric.nowNanos += 1_000_000_000L;
            var _ = fabric.board(1).tick(fabric.nowNanos);
        }
    }
}
