package weft.vswitch.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vswitch.policy.TestPacket.ACK;
import static weft.vswitch.policy.TestPacket.RST;
import static weft.vswitch.policy.TestPacket.SYN;
import static weft.vswitch.policy.TestPacket.echo;
import static weft.vswitch.policy.TestPacket.error;
import static weft.vswitch.policy.TestPacket.tcp;
import static weft.vswitch.policy.TestPacket.udp;

import org.junit.jupiter.api.Test;

import weft.fabric.GroupRule;
import weft.fabric.GroupRule.Direction;
import weft.fabric.GroupRule.Protocol;
import weft.fabric.MacAddress;
import weft.fabric.PortBinding;
import weft.fabric.SecurityGroup;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/// The firewall of a VM at 10.0.0.10; others are at 10.0.0.11 and above.
class FirewallTest {
    private static final String VM = "10.0.0.10";
    private static final String PEER = "10.0.0.11";
    private static final long SECOND = 1_000_000_000L;

    private final NetworkGroups groups = new NetworkGroups();
    private final List<PortBinding> bindings = new ArrayList<>();
    private long nowNanos = 5;
    private List<SecurityGroup> records = List.of();
    private Firewall firewall = new Firewall("vm-0", rules(), 42);

    private static PortBinding binding(String port, int host, String... groups) {
        return new PortBinding(
                port,
                "blue",
                new MacAddress(0x5254_0000_0000L + host),
                "10.0.0." + host + "/24",
                null,
                null,
                1,
                List.of(groups));
    }

    /// What the VM's port has by the records as they are now.
    private RuleSet rules() {
        groups.compile("blue", records, bindings);
        return groups.rulesOf(bindings.isEmpty() ? binding("vm-0", 10) : bindings.getFirst());
    }

    private void given(SecurityGroup... groups) {
        records = List.of(groups);
        bindings.clear();
        bindings.add(binding("vm-0", 10, "web"));
        firewall = new Firewall("vm-0", rules(), 42);
    }

    private static SecurityGroup web(GroupRule... rules) {
        return new SecurityGroup("web", "blue", List.of(rules));
    }

    private static GroupRule in(Protocol protocol, int port, String remote) {
        return new GroupRule(Direction.IN, protocol, port, port, remote);
    }

    private static GroupRule out(Protocol protocol) {
        return GroupRule.of(Direction.OUT, protocol, "");
    }

    private Ruling out(TestPacket packet) {
        return firewall.judge(packet.from(VM).to(PEER).frame(), Direction.OUT, nowNanos);
    }

    private Ruling in(TestPacket packet) {
        return in(packet, PEER);
    }

    private Ruling in(TestPacket packet, String from) {
        return firewall.judge(packet.from(from).to(VM).frame(), Direction.IN, nowNanos);
    }

    private Ruling open(int port) {
        Ruling first = in(tcp(999, port, SYN, 100, 0, 1000, 0, -1));
        if (first == Ruling.PASS) {
            assertEquals(Ruling.PASS, out(tcp(port, 999, SYN | ACK, 500, 101, 1000, 0, -1)));
            assertEquals(Ruling.PASS, in(tcp(999, port, ACK, 101, 501, 1000, 0, -1)));
        }
        return first;
    }

    @Test
    void aRuleLetsInWhatItNamesAndNothingElse() {
        given(web(in(Protocol.TCP, 80, ""), out(Protocol.TCP)));
        assertEquals(Ruling.PASS, open(80));
        assertEquals(Ruling.DENIED_IN, open(81));
        assertEquals(Ruling.DENIED_IN, in(udp(999, 80)));
        assertEquals(Ruling.DENIED_IN, in(echo(8, 1)));
        assertEquals(Ruling.PASS, out(tcp(5000, 22, SYN, 1, 0, 1000, 0, -1)));
        assertEquals(Ruling.DENIED_OUT, out(udp(5000, 53)));
    }

    @Test
    void aPortWithoutGroupsIsReachedByItsLikeOnlyAndReachesAll() {
        bindings.add(binding("vm-0", 10));
        bindings.add(binding("like-0", 11));
        bindings.add(binding("web-0", 12, "web"));
        records = List.of(web(out(Protocol.ANY)));
        firewall = new Firewall("vm-0", rules(), 42);
        assertEquals(Ruling.PASS, in(udp(1, 2), "10.0.0.11"));
        assertEquals(Ruling.DENIED_IN, in(udp(1, 2), "10.0.0.12"));
        assertEquals(Ruling.DENIED_IN, in(udp(1, 2), "10.0.0.99"));
        assertEquals(Ruling.PASS, out(udp(7, 8).to("10.0.0.12")));
    }

    @Test
    void remotesAreSubnetsOrMembersOfAGroupAndMembersMayChange() {
        given(web(in(Protocol.TCP, 80, "10.0.0.16/28"), in(Protocol.UDP, 53, "group:db")));
        assertEquals(Ruling.PASS, in(tcp(1, 80, SYN, 1, 0, 9, 0, -1), "10.0.0.31"));
        assertEquals(Ruling.DENIED_IN, in(tcp(1, 80, SYN, 1, 0, 9, 0, -1), "10.0.0.32"));
        assertEquals(Ruling.DENIED_IN, in(udp(1, 53), PEER));
        bindings.add(binding("db-0", 11, "db"));
        firewall.setRules(rules());
        assertEquals(Ruling.PASS, in(udp(1, 53), PEER));
        bindings.remove(1);
        firewall.setRules(rules());
        assertEquals(Ruling.DENIED_IN, in(udp(1, 53), PEER), "it has left the group");
    }

    @Test
    void whoTakesAnothersPlaceInAGroupIsLetInInHisPlace() {
        given(web(in(Protocol.UDP, 53, "group:db")));
        bindings.add(binding("db-0", 11, "db"));
        firewall.setRules(rules());
        assertEquals(Ruling.PASS, in(udp(1, 53), PEER));
        bindings.set(1, binding("db-0", 12, "db"));
        firewall.setRules(rules());
        assertEquals(Ruling.DENIED_IN, in(udp(1, 53), PEER));
        assertEquals(Ruling.PASS, in(udp(1, 53), "10.0.0.12"));
    }

    @Test
    void groupsAddUpAndOneThatDoesNotExistLetsNothingPass() {
        given(
                web(in(Protocol.TCP, 80, "")),
                new SecurityGroup("ssh", "blue", List.of(in(Protocol.TCP, 22, ""))));
        bindings.set(0, binding("vm-0", 10, "ssh", "web", "gone"));
        firewall.setRules(rules());
        assertEquals(Ruling.PASS, open(80));
        assertEquals(Ruling.PASS, open(22));
        bindings.set(0, binding("vm-0", 10, "gone"));
        firewall.setRules(rules());
        assertEquals(Ruling.DENIED_IN, in(udp(1, 2)));
        assertEquals(Ruling.DENIED_OUT, out(udp(1, 2)));
    }

    @Test
    void answersPassWithoutARuleAndOnlyToWhatWasAsked() {
        given(web(out(Protocol.ANY)));
        assertEquals(Ruling.DENIED_IN, in(udp(53, 4000)));
        assertEquals(Ruling.PASS, out(udp(4000, 53)));
        assertEquals(Ruling.PASS, in(udp(53, 4000)));
        assertEquals(Ruling.DENIED_IN, in(udp(53, 4001)));
        assertEquals(Ruling.DENIED_IN, in(udp(53, 4000), "10.0.0.12"));
        assertEquals(Ruling.NO_CONNECTION, in(echo(0, 9)));
        assertEquals(Ruling.PASS, out(echo(8, 9)));
        assertEquals(Ruling.PASS, in(echo(0, 9)));
        assertEquals(Ruling.DENIED_IN, in(echo(8, 9)), "the same identifier, asked by the other");
        assertEquals(Ruling.PASS, out(TestPacket.of(47, new byte[12])));
        assertEquals(Ruling.PASS, in(TestPacket.of(47, new byte[12])));
        assertEquals(Ruling.DENIED_IN, in(TestPacket.of(50, new byte[12])));
    }

    @Test
    void aRuleThatGoesCutsWhatItLetInAndOthersStay() {
        given(web(in(Protocol.TCP, 80, ""), in(Protocol.TCP, 22, ""), out(Protocol.ANY)));
        assertEquals(Ruling.PASS, open(80));
        assertEquals(Ruling.PASS, open(22));
        records = List.of(web(in(Protocol.TCP, 80, ""), out(Protocol.ANY)));
        firewall.setRules(rules());
        assertEquals(Ruling.PASS, in(tcp(999, 80, ACK, 101, 501, 1000, 10, -1)));
        assertEquals(Ruling.DENIED_IN, out(tcp(22, 999, ACK, 501, 101, 1000, 10, -1)));
        // Whatever the VM may begin, this is not begun by it.
        assertEquals(Ruling.NO_CONNECTION, out(tcp(22, 999, ACK, 501, 101, 1000, 10, -1)));
        assertEquals(Ruling.NO_CONNECTION, in(tcp(999, 22, ACK, 101, 501, 1000, 10, -1)));
    }

    @Test
    void anErrorPassesWithTheConnectionThatItIsAbout() {
        given(web(out(Protocol.ANY)));
        TestPacket question = udp(4000, 53).from(VM).to(PEER);
        assertEquals(Ruling.NO_CONNECTION, judge(error(3, question), Direction.IN));
        assertEquals(Ruling.PASS, out(udp(4000, 53)));
        assertEquals(Ruling.PASS, judge(error(3, question), Direction.IN));
        assertEquals(
                Ruling.PASS,
                judge(error(11, question).from("10.0.0.1"), Direction.IN),
                "a router on the way");
        assertEquals(
                Ruling.NO_CONNECTION,
                judge(error(3, udp(4000, 54).from(VM).to(PEER)), Direction.IN));
        assertEquals(
                Ruling.NO_CONNECTION,
                judge(error(3, question).to("10.0.0.12"), Direction.IN),
                "not to the one who asked");
        assertEquals(
                Ruling.NO_CONNECTION,
                judge(error(3, udp(53, 4000).from(PEER).to(VM)), Direction.IN),
                "nobody is told of what he did not send");
    }

    @Test
    void anErrorAboutTcpNamesWhatMayBeUnderWay() {
        given(web(out(Protocol.ANY)));
        assertEquals(Ruling.PASS, out(tcp(4000, 80, SYN, 1000, 0, 9000, 0, -1)));
        IntFunction<Ruling> about =
                sequence ->
                        judge(
                                error(
                                        3,
                                        tcp(4000, 80, SYN, sequence, 0, 9000, 0, -1)
                                                .from(VM)
                                                .to(PEER)),
                                Direction.IN);
        assertEquals(Ruling.PASS, about.apply(1000));
        assertEquals(Ruling.NO_CONNECTION, about.apply(1002));
        assertEquals(Ruling.NO_CONNECTION, about.apply(1000 - 200_000));
    }

    private Ruling judge(TestPacket packet, Direction way) {
        return firewall.judge(packet.frame(), way, nowNanos);
    }

    @Test
    void laterFragmentsShareTheFateOfTheFirst() {
        given(web(in(Protocol.UDP, 53, "")));
        assertEquals(Ruling.FRAGMENT_UNKNOWN, in(later(1)));
        assertEquals(Ruling.PASS, in(udp(9, 53).fragment(1, 0, true)));
        assertEquals(Ruling.PASS, in(later(1)));
        assertEquals(Ruling.FRAGMENT_UNKNOWN, in(later(1), "10.0.0.12"));
        assertEquals(Ruling.FRAGMENT_UNKNOWN, out(later(1)), "the other direction is another");
        assertEquals(Ruling.DENIED_IN, in(udp(9, 54).fragment(2, 0, true)));
        assertEquals(Ruling.DENIED_IN, in(later(2)));
        nowNanos += Fragments.LIFE_NANOS;
        assertEquals(Ruling.FRAGMENT_UNKNOWN, in(later(1)));
    }

    private static TestPacket later(int id) {
        return udp(0, 0).fragment(id, 16, false);
    }

    @Test
    void aFloodOfFragmentsTakesNoMoreThanItsRoom() {
        given(web(in(Protocol.UDP, 53, "")));
        for (int id = 0; id < 10 * Fragments.PACKETS_MAX; id++) {
            nowNanos++;
            assertEquals(Ruling.PASS, in(udp(9, 53).fragment(id & 0xffff, 0, true)));
            assertEquals(Ruling.PASS, in(later(id & 0xffff)), "the newest always has a place");
        }
    }

    @Test
    void fragmentsThatHideAHeaderAreMalformed() {
        given(web(in(Protocol.TCP, 80, ""), in(Protocol.UDP, 53, "")));
        byte[] half = ByteBuffer.allocate(16).putShort((short) 9).putShort((short) 80).array();
        assertEquals(
                Ruling.MALFORMED,
                in(TestPacket.of(PacketView.TCP, half).fragment(1, 0, true)),
                "RFC 1858, 3.1");
        assertEquals(Ruling.PASS, in(tcp(9, 80, SYN, 1, 0, 9, 0, -1).fragment(2, 0, true)));
        assertEquals(
                Ruling.MALFORMED,
                in(TestPacket.of(PacketView.TCP, half).fragment(2, 8, false)),
                "RFC 3128");
        assertEquals(Ruling.PASS, in(TestPacket.of(PacketView.TCP, half).fragment(2, 24, false)));
    }

    @Test
    void aFloodOfSynsTakesTheRoomOfItsLikeOnly() {
        given(web(in(Protocol.TCP, 80, "")));
        assertEquals(Ruling.PASS, open(80));
        for (int i = 0; i < 2 * Connections.ENTRIES_MAX; i++) {
            String from = "10.1." + (i >> 8 & 255) + "." + (i & 255);
            assertEquals(Ruling.PASS, in(tcp(i >> 16, 80, SYN, i, 0, 1000, 0, -1), from), "" + i);
        }
        assertEquals(Connections.ENTRIES_MAX, firewall.size());
        assertEquals(Ruling.PASS, in(tcp(999, 80, ACK, 101, 501, 1000, 10, -1)));
        nowNanos += Lifetime.TCP_OPENING.nanos;
        int forgotten = 0;
        for (int more = 1; more > 0; forgotten += more) {
            more = firewall.age(nowNanos, 100);
        }
        assertEquals(Connections.ENTRIES_MAX - 1, forgotten);
        assertEquals(Ruling.PASS, in(tcp(999, 80, ACK, 111, 501, 1000, 10, -1)));
    }

    @Test
    void openConnectionsAreNotGivenUpForNewOnes() {
        given(web(out(Protocol.ANY)));
        for (int i = 0; i < Connections.ENTRIES_MAX; i++) {
            assertEquals(Ruling.PASS, out(udp(i, 53)));
            assertEquals(Ruling.PASS, in(udp(53, i)));
        }
        assertEquals(Ruling.CONNECTIONS_FULL, out(udp(1, 54)));
        assertEquals(Ruling.PASS, out(udp(1, 53)));
        nowNanos += Lifetime.UDP_ANSWERED.nanos;
        assertEquals(1, firewall.age(nowNanos, 1));
        assertEquals(Ruling.PASS, out(udp(1, 54)));
    }

    @Test
    void whatIsNotSeenForItsLifetimeIsForgotten() {
        given(web(out(Protocol.ANY)));
        assertEquals(Ruling.PASS, out(udp(4000, 53)));
        nowNanos += 29 * SECOND;
        assertEquals(0, firewall.age(nowNanos, 10));
        assertEquals(Ruling.PASS, in(udp(53, 4000)));
        nowNanos += 119 * SECOND;
        assertEquals(0, firewall.age(nowNanos, 10));
        nowNanos += SECOND;
        assertEquals(1, firewall.age(nowNanos, 10));
        assertEquals(Ruling.DENIED_IN, in(udp(53, 4000)));
    }

    @Test
    void groupPacketsAreJudgedByRulesAloneAndBeginNothing() {
        given(web(out(Protocol.UDP), in(Protocol.UDP, 5353, "")));
        var question = udp(5353, 5353).from(VM).to("224.0.0.251").broadcast().frame();
        assertEquals(Ruling.PASS, firewall.judge(question, Direction.OUT, nowNanos));
        assertEquals(0, firewall.size());
        var heard = udp(5353, 5353).from(PEER).to("224.0.0.251").broadcast().frame();
        assertEquals(Ruling.PASS, firewall.judgeCopy(heard, nowNanos));
        var other = udp(5353, 137).from(PEER).to("10.0.0.255").broadcast().frame();
        assertEquals(Ruling.DENIED_IN, firewall.judgeCopy(other, nowNanos));
        assertEquals(0, firewall.size());
    }

    @Test
    void connectionsOfAVmThatArrivedArePickedUpForAWhileIfEitherSideMightBegin() {
        given(web(in(Protocol.TCP, 80, "")));
        TestPacket data = tcp(999, 80, ACK, 7_000, 9_000, 500, 10, -1);
        TestPacket answer = tcp(80, 999, ACK, 9_000, 7_010, 500, 1000, -1);
        assertEquals(Ruling.NO_CONNECTION, in(data));
        assertEquals(Ruling.NO_CONNECTION, out(answer));
        firewall.pickUp(nowNanos);
        assertEquals(Ruling.NO_CONNECTION, in(tcp(999, 81, ACK, 1, 1, 500, 10, -1)));
        assertEquals(Ruling.NO_CONNECTION, in(tcp(999, 80, RST, 1, 1, 500, 0, -1)));
        assertEquals(Ruling.NO_CONNECTION, in(tcp(999, 80, SYN | ACK, 1, 1, 500, 0, -1)));
        assertEquals(Ruling.PASS, out(answer), "as the answer to what it let in");
        assertEquals(Ruling.PASS, in(data));
        nowNanos += Firewall.PICK_UP_NANOS;
        assertEquals(Ruling.NO_CONNECTION, in(tcp(998, 80, ACK, 1, 1, 500, 10, -1)));
        assertEquals(Ruling.PASS, in(tcp(999, 80, ACK, 7_010, 9_000, 500, 10, -1)));
    }

    @Test
    void answersToWhatWasAskedElsewhereArriveHere() {
        given(web(out(Protocol.ICMP)));
        assertEquals(Ruling.NO_CONNECTION, in(echo(0, 9)));
        firewall.pickUp(nowNanos);
        assertEquals(Ruling.PASS, in(echo(0, 9)));
        assertEquals(Ruling.PASS, out(echo(8, 9)));
        assertEquals(Ruling.DENIED_IN, in(echo(8, 9)));
        assertEquals(Ruling.NO_CONNECTION, out(echo(0, 9)), "nobody may have asked");
        assertEquals(Ruling.DENIED_IN, in(udp(53, 4000)));
        nowNanos += Firewall.PICK_UP_NANOS;
        assertEquals(Ruling.NO_CONNECTION, in(echo(0, 10)));
    }

    @Test
    void whatWasAcknowledgedElsewhereMayBeAcknowledgedHere() {
        given(web(in(Protocol.TCP, 80, "")));
        firewall.pickUp(nowNanos);
        assertEquals(Ruling.PASS, in(tcp(999, 80, ACK, 7_000, 9_000, 500, 10, -1)));
        assertEquals(Ruling.PASS, in(tcp(999, 80, ACK, 7_010, 9_400, 500, 10, -1)));
        assertEquals(Ruling.PASS, out(tcp(80, 999, ACK, 9_400, 7_020, 500, 100, -1)));
    }

    /// A member who leaves is no other rule; but what he had is over, and stays so.
    @Test
    void nothingIsPickedUpOnceAConnectionWasCut() {
        given(web(in(Protocol.TCP, 80, "group:db"), out(Protocol.ANY)));
        bindings.add(binding("db-0", 11, "db"));
        firewall.setRules(rules());
        assertEquals(Ruling.PASS, open(80));
        firewall.pickUp(nowNanos);
        bindings.remove(1);
        firewall.setRules(rules());
        assertEquals(Ruling.DENIED_IN, in(tcp(999, 80, ACK, 101, 501, 1000, 10, -1)));
        assertEquals(Ruling.NO_CONNECTION, out(tcp(80, 999, ACK, 501, 101, 1000, 10, -1)));
    }

    @Test
    void nothingIsPickedUpOnceRulesHaveChanged() {
        given(web(in(Protocol.TCP, 80, ""), out(Protocol.ANY)));
        firewall.pickUp(nowNanos);
        records = List.of(web(out(Protocol.ANY)));
        firewall.setRules(rules());
        assertEquals(Ruling.NO_CONNECTION, out(tcp(80, 999, ACK, 9_000, 7_010, 500, 9, -1)));
    }

    @Test
    void whatIsNotIpAndNeighbourDiscoveryPassAllRules() {
        given(web());
        byte[] arp = udp(1, 2).bytes();
        arp[13] = 6;
        assertEquals(
                Ruling.PASS,
                firewall.judge(
                        new weft.vswitch.packet.EthernetView().over(arp, 0, arp.length),
                        Direction.IN,
                        nowNanos));
        assertEquals(Ruling.PASS, icmpv6(135, 255));
        assertEquals(Ruling.DENIED_IN, icmpv6(135, 64), "through a router: not from here");
        assertEquals(Ruling.DENIED_IN, icmpv6(128, 255));
        given(web(GroupRule.of(Direction.IN, Protocol.ICMP, "")));
        assertEquals(Ruling.PASS, icmpv6(128, 255));
    }

    private Ruling icmpv6(int type, int hopLimit) {
        var bytes = ByteBuffer.allocate(14 + 40 + 24);
        bytes.putShort(12, (short) 0x86dd).put(14, (byte) 0x60).putShort(18, (short) 24);
        bytes.put(20, (byte) 58).put(21, (byte) hopLimit);
        bytes.putLong(22, 0xfe80_0000_0000_0000L).putLong(30, 0x5054_00ff_fe00_000bL);
        bytes.putLong(38, 0xfe80_0000_0000_0000L).putLong(46, 0x5054_00ff_fe00_000aL);
        bytes.put(54, (byte) type);
        var frame = new weft.vswitch.packet.EthernetView().over(bytes.array(), 0, 78);
        return firewall.judge(frame, Direction.IN, nowNanos);
    }

    @Test
    void membersAreKnownByTheirLinkLocalAddressesToo() {
        given(web(GroupRule.of(Direction.IN, Protocol.ICMP, "group:db")));
        assertEquals(Ruling.DENIED_IN, icmpv6(128, 255));
        bindings.add(binding("db-0", 11, "db"));
        firewall.setRules(rules());
        assertEquals(Ruling.PASS, icmpv6(128, 255));
    }

    @Test
    void connectionsAreReportedInParts() {
        given(web(out(Protocol.ANY)));
        for (int i = 0; i < 25; i++) {
            assertEquals(Ruling.PASS, out(udp(i, 53)));
        }
        nowNanos += 3 * SECOND;
        assertEquals(Ruling.PASS, in(udp(53, 7)));
        var all = new ArrayList<Integer>();
        for (int from = 0; ; ) {
            var part = firewall.report(from, 10, nowNanos);
            if (part.isEmpty()) {
                break;
            }
            part.forEach(one -> all.add(one.localPort()));
            from = part.getLast().number() + 1;
        }
        assertEquals(25, all.stream().distinct().count());
        var answered =
                firewall.report(0, 100, nowNanos).stream()
                        .filter(one -> one.state().equals("answered"))
                        .toList();
        assertEquals(1, answered.size());
        assertEquals(VM, answered.getFirst().localAddress());
        assertEquals(PEER, answered.getFirst().remoteAddress());
        assertEquals(3 * SECOND, answered.getFirst().ageNanos());
        assertEquals(0, answered.getFirst().idleNanos());
        assertEquals(Direction.OUT, answered.getFirst().initiator());
        assertEquals(1, answered.getFirst().framesIn());
    }
}
