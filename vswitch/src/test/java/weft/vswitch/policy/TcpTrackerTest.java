package weft.vswitch.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import static weft.vswitch.policy.TestPacket.ACK;
import static weft.vswitch.policy.TestPacket.FIN;
import static weft.vswitch.policy.TestPacket.RST;
import static weft.vswitch.policy.TestPacket.SYN;

import org.junit.jupiter.api.Test;

import weft.fabric.GroupRule;
import weft.fabric.GroupRule.Direction;
import weft.fabric.GroupRule.Protocol;
import weft.fabric.SecurityGroup;
import weft.vswitch.policy.RuleSet.CompiledGroup;

import java.util.List;
import java.util.Map;

/// One TCP connection through a firewall: the VM's side has initial number 1000, the other's 5000;
/// numbers in tests are relative to these.
class TcpTrackerTest {
    private static final int PSH = 8;
    private static final int URG = 0x20;
    private static final int LOCAL = 40_000;
    private static final int REMOTE = 80;
    private static final SecurityGroup OUTWARDS =
            new SecurityGroup(
                    "web", "blue", List.of(GroupRule.of(Direction.OUT, Protocol.TCP, "")));

    private final Firewall firewall =
            new Firewall("vm-0", new RuleSet(List.of(new CompiledGroup(OUTWARDS, Map.of()))), 42);
    private int isn = 1000;
    private int remoteIsn = 5000;
    private long nowNanos = 7;

    private Ruling out(int flags, int sequence, int acknowledgement, int window, int bytes) {
        return out(flags, sequence, acknowledgement, window, bytes, -1);
    }

    private Ruling out(int flags, int seq, int ack, int window, int bytes, int scale) {
        int number = (flags & ACK) == 0 ? 0 : remoteIsn + ack;
        var packet =
                TestPacket.tcp(LOCAL, REMOTE, flags, isn + seq, number, window, bytes, scale)
                        .from("10.0.0.10")
                        .to("10.0.0.11");
        return firewall.judge(packet.frame(), Direction.OUT, nowNanos);
    }

    private Ruling in(int flags, int sequence, int acknowledgement, int window, int bytes) {
        return in(flags, sequence, acknowledgement, window, bytes, -1);
    }

    private Ruling in(int flags, int seq, int ack, int window, int bytes, int scale) {
        int number = (flags & ACK) == 0 ? 0 : isn + ack;
        var packet =
                TestPacket.tcp(REMOTE, LOCAL, flags, remoteIsn + seq, number, window, bytes, scale)
                        .from("10.0.0.11")
                        .to("10.0.0.10");
        return firewall.judge(packet.frame(), Direction.IN, nowNanos);
    }

    private void passes(Ruling ruling) {
        assertEquals(Ruling.PASS, ruling);
    }

    private void isOfNone(Ruling ruling) {
        assertEquals(Ruling.NO_CONNECTION, ruling);
    }

    private String state() {
        return firewall.report(0, 1, nowNanos).getFirst().state();
    }

    /// Both sides have a window of 1000 without scaling.
    private void open() {
        passes(out(SYN, 0, 0, 1000, 0));
        assertEquals("syn_sent", state());
        passes(in(SYN | ACK, 0, 1, 1000, 0));
        assertEquals("syn_received", state());
        passes(out(ACK, 1, 1, 1000, 0));
        assertEquals("established", state());
    }

    @Test
    void bothSidesCloseInTurn() {
        open();
        passes(out(ACK | PSH, 1, 1, 1000, 100));
        passes(in(ACK, 1, 101, 1000, 300));
        passes(out(FIN | ACK, 101, 301, 1000, 0));
        assertEquals("half_closed", state());
        passes(in(ACK, 301, 102, 1000, 200));
        passes(out(ACK, 102, 501, 1000, 0));
        passes(in(FIN | ACK, 501, 102, 1000, 0));
        assertEquals("last_ack", state());
        passes(out(ACK, 102, 502, 1000, 0));
        assertEquals("time_wait", state());
        passes(in(FIN | ACK, 501, 102, 1000, 0));
    }

    @Test
    void anotherConnectionMayFollowOnTheSamePorts() {
        bothSidesCloseInTurn();
        isn += 70_000_000;
        remoteIsn -= 90_000_000;
        open();
        assertEquals(1, firewall.size());
    }

    @Test
    void dataAboveTheReceiversWindowBelongToNone() {
        open();
        passes(out(ACK, 1, 1, 1000, 1000));
        isOfNone(out(ACK, 1001, 1, 1000, 2));
        passes(out(ACK, 1001, 1, 1000, 1)); // a probe of the closed window
        passes(in(ACK, 1, 1001, 500, 0));
        passes(out(ACK, 1001, 1, 1000, 500));
        isOfNone(out(ACK, 1501, 1, 1000, 2));
    }

    @Test
    void retransmissionsPassAndWhatIsFurtherBackThanAWindowDoesNot() {
        open();
        for (int at = 0; at < 5000; at += 1000) {
            passes(out(ACK, 1 + at, 1, 1000, 1000));
            passes(in(ACK, 1, 1001 + at, 1000, 0));
        }
        passes(out(ACK, 4001, 1, 1000, 1000));
        passes(out(ACK, 5000, 1, 1000, 0)); // keep-alive
        isOfNone(out(ACK, 2001, 1, 1000, 1000));
    }

    @Test
    void acknowledgementsOfWhatWasNotSentBelongToNone() {
        open();
        passes(out(ACK, 1, 1, 1000, 100));
        isOfNone(in(ACK, 1, 102, 1000, 0));
        passes(in(ACK, 1, 101, 1000, 0));
        passes(in(ACK, 1, 51, 1000, 0));
        isOfNone(in(ACK, 1, 101 - 200_000, 1000, 0));
    }

    @Test
    void windowsAreScaledIfBothSidesSaySoAndNotInSyns() {
        passes(out(SYN, 0, 0, 1000, 0, 7));
        passes(in(SYN | ACK, 0, 1, 1000, 0, 8));
        isOfNone(out(ACK, 1, 1, 1000, 1002)); // the window of a SYN is not scaled
        passes(out(ACK, 1, 1, 1000, 1000));
        passes(in(ACK, 1, 1001, 1000, 64_000)); // a super-frame within 1000 * 2^7
        isOfNone(in(ACK, 64_001, 1001, 1000, 64_002));
        passes(in(ACK, 64_001, 1001, 1000, 64_000));
        for (int at = 0; at < 256_000; at += 64_000) {
            passes(out(ACK, 1001 + at, 1, 1000, 64_000));
        }
        isOfNone(out(ACK, 257_001, 1, 1000, 2));
    }

    @Test
    void windowsAreNotScaledIfOneSideDoesNotSaySo() {
        passes(out(SYN, 0, 0, 1000, 0, 7));
        passes(in(SYN | ACK, 0, 1, 1000, 0));
        passes(out(ACK, 1, 1, 1000, 0));
        isOfNone(in(ACK, 1, 1, 1000, 1002));
        passes(in(ACK, 1, 1, 1000, 1000));
    }

    @Test
    void numbersGoRoundAtTwoToThe32() {
        isn = -500;
        remoteIsn = Integer.MAX_VALUE - 100;
        open();
        passes(out(ACK, 1, 1, 1000, 1000));
        passes(in(ACK, 1, 1001, 1000, 1000));
        passes(out(ACK, 1001, 1001, 1000, 1000));
        isOfNone(in(ACK, 2003, 2001, 1000, 100));
    }

    @Test
    void aResetEndsTheConnectionByTheNumberThatIsExpectedOnly() {
        open();
        passes(out(ACK, 1, 1, 1000, 100));
        isOfNone(out(RST, -10, 0, 0, 0));
        isOfNone(out(RST, 1002, 0, 0, 0));
        assertEquals("established", state());
        passes(out(RST, 50, 0, 0, 0)); // in the window: the receiver asks back
        assertEquals("established", state());
        passes(in(ACK, 1, 101, 1000, 0));
        passes(out(RST, 101, 0, 0, 0));
        assertEquals("reset", state());
    }

    @Test
    void aResetOfWhatWasLostOnTheWayEndsItToo() {
        open();
        passes(out(ACK, 1, 1, 1000, 100)); // lost behind this switch; the receiver is at 1
        passes(out(RST, 1, 0, 0, 0));
        assertEquals("reset", state());
    }

    @Test
    void aSynIsRefusedByAResetThatAcknowledgesIt() {
        passes(out(SYN, 0, 0, 1000, 0));
        isOfNone(in(RST, 0, 0, 0, 0));
        isOfNone(in(RST | ACK, 0, 2, 0, 0));
        passes(in(RST | ACK, -5000, 1, 0, 0));
        assertEquals("reset", state());
        open();
    }

    @Test
    void bothMayOpenAtOnce() {
        passes(out(SYN, 0, 0, 1000, 0, 7));
        passes(in(SYN, 0, 0, 1000, 0, 7));
        assertEquals("syn_received", state());
        passes(out(SYN | ACK, 0, 1, 1000, 0, 7));
        passes(in(SYN | ACK, 0, 1, 1000, 0, 7));
        assertEquals("established", state());
        passes(out(ACK, 1, 1, 1000, 1000));
        passes(in(ACK, 1, 1001, 1000, 60_000));
    }

    @Test
    void handshakesMayBeRepeated() {
        passes(out(SYN, 0, 0, 1000, 0));
        passes(out(SYN, 0, 0, 1000, 0));
        passes(in(SYN | ACK, 0, 1, 1000, 0));
        passes(out(SYN, 0, 0, 1000, 0));
        passes(in(SYN | ACK, 0, 1, 1000, 0));
        passes(out(ACK, 1, 1, 1000, 0));
        passes(in(SYN | ACK, 0, 1, 1000, 0));
        passes(out(ACK, 1, 1, 1000, 700));
        passes(in(ACK, 1, 701, 1000, 700));
        assertEquals("established", state());
    }

    /// Copies of a handshake that come when it is long over are not taken for a new one.
    @Test
    void lateHandshakesChangeNothing() {
        open();
        passes(in(ACK, 1, 1, 1000, 800));
        passes(out(SYN, 0, 0, 1000, 0));
        passes(in(SYN | ACK, 0, 1, 1000, 0));
        assertEquals("established", state());
        passes(out(ACK, 1, 801, 1000, 0));
        isOfNone(in(ACK, 2000, 1, 1000, 0));
    }

    @Test
    void answersToAnotherSynBelongToNone() {
        passes(out(SYN, 0, 0, 1000, 0));
        isOfNone(in(SYN | ACK, 0, 2, 1000, 0));
        isOfNone(in(SYN | ACK, 0, -100_000, 1000, 0));
        isOfNone(in(ACK, 1, 1, 1000, 0));
        isOfNone(out(ACK, 1, 1, 1000, 0));
        passes(in(SYN | ACK, 0, 1, 1000, 0));
    }

    @Test
    void aSynMayCarryData() {
        passes(out(SYN, 0, 0, 1000, 500));
        passes(in(SYN | ACK, 0, 1, 1000, 0)); // without having taken them
        passes(out(ACK, 1, 1, 1000, 500));
        passes(in(ACK, 1, 501, 1000, 0));
    }

    /// Both machines were switched off and on: the firewall alone remembers the connection.
    @Test
    void sidesThatHaveForgottenTheConnectionBeginAnew() {
        open();
        isn += 900_000_000;
        remoteIsn += 800_000_000;
        passes(out(SYN, 0, 0, 1000, 0));
        assertEquals("established", state());
        isOfNone(in(ACK, 1, 1, 1000, 5));
        passes(in(SYN | ACK, 0, 1, 1000, 0));
        passes(out(ACK, 1, 1, 1000, 100));
        passes(in(ACK, 1, 101, 1000, 100));
        assertEquals("established", state());
    }

    /// One of them does: it is asked whether it means it (RFC 5961, 4), and resets the other.
    @Test
    void aSideThatHasForgottenTheConnectionResetsIt() {
        open();
        int old = isn;
        isn += 900_000_000;
        passes(out(SYN, 0, 0, 1000, 0));
        isn = old;
        passes(in(ACK, 1, 1, 1000, 0));
        passes(out(RST, 1, 0, 0, 0));
        isn += 900_000_000;
        open();
    }

    @Test
    void theSideThatDidNotBeginCannotBeginWithinTheConnection() {
        open();
        isOfNone(in(SYN, 100, 0, 1000, 0));
    }

    @Test
    void flagsThatContradictEachOtherBelongToNone() {
        isOfNone(out(SYN | FIN, 0, 0, 1000, 0));
        open();
        for (int flags : List.of(0, FIN, PSH, URG, SYN | RST, SYN | FIN | ACK, RST | FIN)) {
            isOfNone(out(flags, 1, 1, 1000, 0));
        }
    }

    @Test
    void halfOpenConnectionsAreForgottenSoonAndOpenOnesAreNot() {
        passes(out(SYN, 0, 0, 1000, 0));
        nowNanos += Lifetime.TCP_OPENING.nanos - 1;
        assertEquals(0, firewall.age(nowNanos, 9));
        nowNanos++;
        assertEquals(1, firewall.age(nowNanos, 9));
        open();
        nowNanos += 23 * 3600 * 1_000_000_000L;
        assertEquals(0, firewall.age(nowNanos, 9));
        passes(out(ACK, 1, 1, 1000, 10));
        nowNanos += 23 * 3600 * 1_000_000_000L;
        assertEquals(0, firewall.age(nowNanos, 9));
        passes(in(RST, 1, 0, 0, 0));
        nowNanos += Lifetime.TCP_CLOSED.nanos;
        assertEquals(1, firewall.age(nowNanos, 9));
    }

    @Test
    void afterATcpPacketInFragmentsNumbersAreNotCompared() {
        open();
        var first =
                TestPacket.tcp(LOCAL, REMOTE, ACK, isn + 1, remoteIsn + 1, 1000, 24, -1)
                        .from("10.0.0.10")
                        .to("10.0.0.11")
                        .fragment(3, 0, true);
        passes(firewall.judge(first.frame(), Direction.OUT, nowNanos));
        passes(in(ACK, 1, 901, 1000, 0));
    }
}
