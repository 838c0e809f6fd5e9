package weft.vswitch.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static weft.vswitch.pipeline.FabricOfSwitches.frame;
import static weft.vswitch.pipeline.FabricOfSwitches.host;
import static weft.vswitch.pipeline.FabricOfSwitches.vxlan;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import weft.fabric.MacAddress;
import weft.fabric.Network;
import weft.fabric.PortBinding;
import weft.vswitch.port.ForwardingImage;
import weft.vswitch.port.FrameSink;

import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

class SwitchboardTest {
    private static final MacAddress BROADCAST = new MacAddress(0xffff_ffff_ffffL);
    private static final MacAddress A = MacAddress.parse("52:54:00:00:00:0a");
    private static final MacAddress B = MacAddress.parse("52:54:00:00:00:0b");
    private static final MacAddress C = MacAddress.parse("52:54:00:00:00:0c");
    private static final MacAddress OUTSIDER = MacAddress.parse("52:54:00:99:99:99");
    private static final Network BLUE = new Network("blue", 10, 100, "10.0.0.0/24");
    private static final Network RED = new Network("red", 20, 200, "10.0.0.0/24");
    private static final InetSocketAddress EXTERNAL = new InetSocketAddress("127.0.8.1", 4789);

    // a and c of blue on host 1 and 2, b of blue on host 1; red has the same MACs the other way
    // round
    private final FabricOfSwitches fabric = new FabricOfSwitches(3);
    private PluggedPort blueA;
    private PluggedPort blueB;
    private PluggedPort blueC;
    private PluggedPort redA;

    @BeforeEach
    void plugEverything() {
        blueA = fabric.plug(1, "blue-a", "blue", A);
        blueB = fabric.plug(1, "blue-b", "blue", B);
        blueC = fabric.plug(2, "blue-c", "blue", C);
        redA = fabric.plug(2, "red-a", "red", A);
        fabric.plug(1, "red-c", "red", C);
        fabric.apply(image(bound("blue-c", "blue", C, 2, null, 1)));
    }

    private ForwardingImage image(PortBinding placeOfC) {
        return new ForwardingImage(
                List.of(BLUE, RED),
                List.of(
                        bound("blue-a", "blue", A, 1, null, 1),
                        bound("blue-b", "blue", B, 1, null, 1),
                        placeOfC,
                        bound("red-a", "red", A, 2, null, 1),
                        bound("red-c", "red", C, 1, null, 1)),
                fabric.vteps,
                Map.of("blue", List.of(EXTERNAL)));
    }

    private static PortBinding bound(
            String port,
            String network,
            MacAddress mac,
            int host,
            @Nullable Integer next,
            long epoch) {
        return new PortBinding(
                port,
                network,
                mac,
                "10.0.0.5/24",
                host == 0 ? null : host(host),
                next == null ? null : host(next),
                epoch);
    }

    private long drops(int host, DropReason reason) {
        return fabric.board(host).counters().drops(reason);
    }

    private void assertDropped(int host, DropReason reason) {
        assertEquals(List.of(), fabric.harvest());
        assertEquals(1, drops(host, reason), reason.name());
    }

    @Test
    void unicastGoesToOnePortHereOrThroughOneTunnel() {
        fabric.transmit(1, blueA, frame(B, A, "near"));
        fabric.transmit(1, blueA, frame(C, A, "far"));
        assertEquals(1, fabric.underWay.size());
        assertEquals(List.of("blue-b@host1:near", "blue-c@host2:far"), fabric.harvest());
    }

    @Test
    void broadcastReachesEveryPortOfTheNetworkOnceAndHostsWithoutItGetNoCopy() {
        fabric.transmit(1, blueA, frame(BROADCAST, A, "hello"));
        assertEquals(
                List.of(EXTERNAL, new InetSocketAddress("127.0.9.2", 4789)),
                fabric.underWay.stream().map(FabricOfSwitches.Datagram::to).toList());
        assertEquals(List.of("blue-b@host1:hello", "blue-c@host2:hello"), fabric.harvest());
    }

    @Test
    void theSameAddressesInAnotherNetworkHearNothing() {
        fabric.transmit(2, redA, frame(C, A, "red"));
        fabric.transmit(2, redA, frame(BROADCAST, A, "all"));
        assertEquals(List.of("red-c@host1:all", "red-c@host1:red"), fabric.harvest());
    }

    @Test
    void aPortSendsOnlyFromItsOwnMac() {
        fabric.transmit(1, blueA, frame(B, C, "spoof"));
        assertDropped(1, DropReason.SPOOFED_SOURCE);
        assertEquals(1, blueA.counters().drops());
    }

    @Test
    void groupAndZeroSourcesAreRefused() {
        fabric.transmit(1, blueA, frame(B, BROADCAST, "x"));
        fabric.transmit(1, blueA, frame(B, new MacAddress(0), "x"));
        assertEquals(List.of(), fabric.harvest());
        assertEquals(2, drops(1, DropReason.BAD_SOURCE));
    }

    @Test
    void reservedAddressesRuntsGiantsAndTagsEndHere() {
        fabric.transmit(1, blueA, frame(new MacAddress(0x0180_c200_000eL), A, "lldp"));
        assertDropped(1, DropReason.RESERVED_ADDRESS);
        fabric.transmit(1, blueA, Arrays.copyOf(frame(B, A, ""), 13));
        assertDropped(1, DropReason.RUNT);
        fabric.transmit(1, blueA, frame(B, A, "x".repeat(1501)));
        assertDropped(1, DropReason.OVERSIZE);
        byte[] tagged = frame(B, A, "tag");
        tagged[12] = (byte) 0x81;
        tagged[13] = 0;
        fabric.transmit(1, blueA, tagged);
        assertDropped(1, DropReason.TAGGED);
        fabric.transmit(1, blueA, frame(B, A, "x".repeat(1500)));
        assertEquals(1, fabric.harvest().size());
    }

    @Test
    void aFrameToItselfDoesNotComeBack() {
        fabric.transmit(1, blueA, frame(A, A, "me"));
        assertDropped(1, DropReason.HAIRPIN);
    }

    @Test
    void aPortInStandbyNeitherSendsNorReceives() {
        fabric.board(1).deactivate("blue-b");
        fabric.transmit(1, blueB, frame(A, B, "x"));
        assertDropped(1, DropReason.PORT_STANDBY);
        fabric.transmit(1, blueA, frame(B, A, "x"));
        assertDropped(1, DropReason.DESTINATION_DOWN);
        fabric.transmit(1, blueA, frame(BROADCAST, A, "all"));
        assertEquals(List.of("blue-c@host2:all"), fabric.harvest());
        fabric.board(1).activate("blue-b");
        fabric.transmit(1, blueA, frame(B, A, "again"));
        assertEquals(List.of("blue-b@host1:again"), fabric.harvest());
    }

    @Test
    void aPortWhoseNetworkIsGoneIsSilent() {
        fabric.apply(new ForwardingImage(List.of(RED), List.of(), fabric.vteps, Map.of()));
        fabric.transmit(1, blueA, frame(B, A, "x"));
        assertDropped(1, DropReason.NO_NETWORK);
    }

    @Test
    void aStoppedVmAndAHostWithoutVtepAreNamedAsReasons() {
        fabric.apply(image(bound("blue-c", "blue", C, 0, null, 2)));
        fabric.transmit(1, blueA, frame(C, A, "x"));
        assertDropped(1, DropReason.DESTINATION_DOWN);
        fabric.apply(image(bound("blue-c", "blue", C, 9, null, 2)));
        fabric.transmit(1, blueA, frame(C, A, "x"));
        assertDropped(1, DropReason.NO_VTEP);
    }

    private void underlay(String from, int vni, byte[] inner) {
        byte[] datagram = vxlan(vni, inner);
        fabric.board(1)
                .fromUnderlay(
                        FabricOfSwitches.address(from),
                        datagram,
                        0,
                        datagram.length,
                        fabric.nowNanos);
    }

    @Test
    void garbageOnTheUnderlayIsCountedAndEndsThere() {
        fabric.board(1).fromUnderlay(FabricOfSwitches.address("127.0.9.2"), new byte[7], 0, 7, 0);
        assertDropped(1, DropReason.BAD_VXLAN);
        underlay("127.0.9.2", 999, frame(A, C, "x"));
        assertDropped(1, DropReason.UNKNOWN_VNI);
        underlay("127.0.9.2", 100, new byte[0]);
        assertDropped(1, DropReason.RUNT);
        underlay("127.0.9.2", 100, frame(A, C, "x".repeat(1501)));
        assertDropped(1, DropReason.OVERSIZE);
    }

    @Test
    void onlyVtepsOfTheNetworkAreHeard() {
        underlay("127.0.9.3", 100, frame(A, C, "x"));
        underlay("10.1.1.1", 100, frame(A, C, "x"));
        assertEquals(List.of(), fabric.harvest());
        assertEquals(2, drops(1, DropReason.FOREIGN_VTEP));
        underlay("127.0.9.2", 100, frame(A, C, "ok"));
        assertEquals(List.of("blue-a@host1:ok"), fabric.harvest());
    }

    @Test
    void aBoundMacIsAcceptedFromItsHostAloneAndNeverLearned() {
        underlay("127.0.8.1", 100, frame(A, C, "from outside"));
        assertDropped(1, DropReason.SPOOFED_SOURCE);
        underlay("127.0.9.2", 100, frame(A, B, "of a port here"));
        assertEquals(2, drops(1, DropReason.SPOOFED_SOURCE));
        underlay("127.0.9.2", 100, frame(A, OUTSIDER, "unknown"));
        assertDropped(1, DropReason.UNBOUND_SOURCE);
        fabric.transmit(1, blueA, frame(C, A, "where to"));
        assertEquals(List.of("blue-c@host2:where to"), fabric.harvest());
    }

    @Test
    void whatIsBehindAnExternalVtepIsLearnedAndForgottenWithIt() {
        fabric.transmit(1, blueA, frame(OUTSIDER, A, "flooded"));
        assertEquals(2, fabric.underWay.size());
        assertEquals(List.of("blue-b@host1:flooded", "blue-c@host2:flooded"), fabric.harvest());
        underlay("127.0.8.1", 100, frame(A, OUTSIDER, "hi"));
        assertEquals(List.of("blue-a@host1:hi"), fabric.harvest());
        fabric.transmit(1, blueA, frame(OUTSIDER, A, "direct"));
        assertEquals(EXTERNAL, fabric.underWay.getFirst().to());
        assertEquals(List.of(), fabric.harvest());
        fabric.apply(
                new ForwardingImage(
                        List.of(BLUE),
                        List.of(bound("blue-a", "blue", A, 1, null, 1)),
                        fabric.vteps,
                        Map.of()));
        fabric.transmit(1, blueA, frame(OUTSIDER, A, "nowhere"));
        assertTrue(fabric.underWay.isEmpty());
    }

    @Test
    void nothingFromATunnelGoesIntoATunnel() {
        underlay("127.0.9.2", 100, frame(BROADCAST, C, "all"));
        assertTrue(fabric.underWay.isEmpty());
        assertEquals(List.of("blue-a@host1:all", "blue-b@host1:all"), fabric.harvest());
        fabric.apply(image(bound("blue-c", "blue", C, 3, 2, 2)));
        underlay("127.0.9.2", 100, frame(C, C, "on"));
        assertDropped(1, DropReason.SPLIT_HORIZON);
        underlay("127.0.8.1", 100, frame(OUTSIDER, OUTSIDER, "unknown"));
        assertTrue(fabric.underWay.isEmpty());
    }

    /// C moves from host 2 to host 3 while host 1 knows nothing of the commit.
    @Test
    void aMovedPortLosesNoFrameThoughItsSendersAreLate() {
        fabric.plugStandby(3, "blue-c", "blue", C);
        fabric.apply(image(bound("blue-c", "blue", C, 2, 3, 1)));
        fabric.transmit(1, blueA, frame(C, A, "before"));
        assertEquals(List.of("blue-c@host2:before"), fabric.harvest());

        fabric.board(2).bury("blue-c", host(3), 2, fabric.nowNanos);
        fabric.board(3).activate("blue-c");
        fabric.transmit(1, blueA, frame(C, A, "late"));
        assertEquals(List.of("blue-c@host3:late"), fabric.harvest());

        var moved = image(bound("blue-c", "blue", C, 3, null, 2));
        fabric.board(2).apply(moved, fabric.nowNanos);
        fabric.board(3).apply(moved, fabric.nowNanos);
        fabric.transmit(1, blueA, frame(C, A, "later"));
        assertEquals(List.of("blue-c@host3:later"), fabric.harvest());

        fabric.transmit(2, blueC, frame(A, C, "zombie"));
        assertEquals(List.of(), fabric.harvest());
        fabric.board(2).activate("blue-c");
        fabric.transmit(2, blueC, frame(A, C, "zombie"));
        assertDropped(2, DropReason.STALE_PORT);
    }

    @Test
    void aTombstonePassesOnItsOwnMacOnlyAndForTwoSeconds() {
        fabric.plug(3, "blue-c", "blue", C);
        fabric.board(2).bury("blue-c", host(3), 2, fabric.nowNanos);
        fabric.transmit(1, blueA, frame(BROADCAST, A, "all"));
        assertEquals(List.of("blue-b@host1:all"), fabric.harvest());
        fabric.nowNanos += Tombstone.LIFE_NANOS;
        fabric.transmit(1, blueA, frame(C, A, "too late"));
        assertDropped(2, DropReason.DESTINATION_DOWN);
    }

    @Test
    void tombstonesThatPointAtEachOtherMakeNoLoop() {
        fabric.plugStandby(3, "blue-c", "blue", C);
        fabric.board(2).bury("blue-c", host(3), 2, fabric.nowNanos);
        fabric.board(3).bury("blue-c", host(2), 3, fabric.nowNanos);
        fabric.transmit(1, blueA, frame(C, A, "x"));
        assertEquals(List.of(), fabric.harvest());
        fabric.board(2).activate("blue-c");
        fabric.transmit(1, blueA, frame(C, A, "back"));
        assertEquals(List.of("blue-c@host2:back"), fabric.harvest());
    }

    @Test
    void announcementsAreSentFiveTimesWithinASecond() {
        fabric.board(2).announce("blue-c", fabric.nowNanos);
        int heard = fabric.harvest().size();
        long end = fabric.nowNanos + 2_000_000_000L;
        while (fabric.nowNanos < end) {
            fabric.nowNanos += 10_000_000;
            fabric.board(2).tick(fabric.nowNanos);
            heard += fabric.harvest().size();
        }
        assertEquals(5 * 2, heard, "five times, to the two other ports of the network");
    }

    @Test
    void aCaptureSeesWhatPassesItsScopeAndNothingElse() {
        List<String> seen = new ArrayList<>();
        FrameSink sink =
                (direction, where, bytes, offset, length) -> seen.add(direction + " " + where);
        fabric.board(1).tap(new FrameSink.Scope.OfNetwork("red"), sink);
        fabric.transmit(1, blueA, frame(BROADCAST, A, "blue"));
        fabric.harvest();
        assertEquals(List.of(), seen);
        fabric.transmit(2, redA, frame(C, A, "red"));
        fabric.harvest();
        assertEquals(List.of("FROM_TUNNEL /127.0.9.2:4789", "TO_PORT red-c"), seen);
        fabric.board(1).untap(sink);
        fabric.transmit(2, redA, frame(C, A, "red"));
        fabric.harvest();
        assertEquals(2, seen.size());
    }

    @Test
    void aPortIdOrAMacIsPluggedOnce() {
        assertThrows(IllegalStateException.class, () -> fabric.plug(1, "blue-a", "red", OUTSIDER));
        assertThrows(IllegalStateException.class, () -> fabric.plug(1, "other", "blue", A));
    }

    @Test
    void anImageThatContradictsItselfIsRefused() {
        assertThrows(
                IllegalArgumentException.class,
                () ->
                        new ForwardingImage(
                                List.of(BLUE, new Network("green", 10, 100, "")),
                                List.of(),
                                Map.of(),
                                Map.of()));
        assertThrows(
                IllegalArgumentException.class,
                () ->
                        new ForwardingImage(
                                List.of(BLUE),
                                List.of(
                                        bound("x", "blue", A, 1, null, 1),
                                        bound("y", "blue", A, 2, null, 1)),
                                Map.of(),
                                Map.of()));
        assertThrows(
                IllegalArgumentException.class,
                () ->
                        new ForwardingImage(
                                List.of(),
                                List.of(),
                                Map.of(host(1), EXTERNAL, host(2), EXTERNAL),
                                Map.of()));
    }
}
