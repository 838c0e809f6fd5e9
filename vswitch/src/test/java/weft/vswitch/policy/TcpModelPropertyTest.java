package weft.vswitch.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import weft.fabric.GroupRule;
import weft.fabric.GroupRule.Direction;
import weft.fabric.GroupRule.Protocol;
import weft.fabric.SecurityGroup;
import weft.sim.Seed;
import weft.vswitch.policy.RuleSet.CompiledGroup;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/// Two endpoints that keep to RFC 9293, a path that loses, repeats and reorders on both sides of
/// the firewall, and somebody who forges: all that the endpoints send passes, all that is forged
/// outside of what they have room for does not. The model counts in 64 bits and from zero, and
/// knows nothing of how the tracker does it.
class TcpModelPropertyTest {
    private static final int STEPS = 600;
    private static final SecurityGroup OUTWARDS =
            new SecurityGroup(
                    "web", "blue", List.of(GroupRule.of(Direction.OUT, Protocol.TCP, "")));

    /// A segment by the model's numbers.
    private record Segment(int flags, long seq, long ack, int window, int bytes, int scale) {
        long end() {
            int marks = (flags & (TestPacket.SYN | TestPacket.FIN)) == 0 ? 0 : 1;
            return seq + bytes + marks;
        }
    }

    /// One endpoint: what it has sent, what it has got, and the room it has.
    private static final class Endpoint {
        final int isn;
        final int scale;
        final int roomMax;
        long sent;
        long acknowledged;
        long peerWindowEnd;
        long received;
        long promised;
        boolean isScaling;

        /// What passed the firewall: the bounds for others.
        long passedEnd;

        long roomSeen = 1;

        Endpoint(Random random) {
            isn = random.nextInt();
            scale = random.nextInt(-1, 15);
            roomMax = random.nextInt(1, scale < 0 ? 65_535 : Math.min(1 << 28, 65_535 << scale));
        }

        int shift() {
            return isScaling ? scale : 0;
        }
    }

    @Test
    void whatEndpointsSendPassesAndWhatTheyCannotHaveSentDoesNot() {
        int forged = 0;
        for (long seed : Seed.runs(150)) {
            var counts = new int[1];
            Seed.replayable(seed, () -> counts[0] = new Run(seed).play());
            forged += counts[0];
        }
        assertTrue(forged > 1000 || Long.getLong("weft.seed") != null, "forged: " + forged);
    }

    private static final class Run {
        private final Random random;
        private final Endpoint vm;
        private final Endpoint peer;
        private final Firewall firewall =
                new Firewall(
                        "vm-0", new RuleSet(List.of(new CompiledGroup(OUTWARDS, Map.of()))), 1);
        private final List<Segment> fromVm = new ArrayList<>();
        private final List<Segment> fromPeer = new ArrayList<>();
        private final List<Segment> toVm = new ArrayList<>();
        private final List<Segment> toPeer = new ArrayList<>();
        private long nowNanos;

        Run(long seed) {
            random = new Random(seed);
            vm = new Endpoint(random);
            peer = new Endpoint(random);
        }

        int play() {
            shakeHands();
            int forged = 0;
            for (int step = 0; step < STEPS; step++) {
                nowNanos += random.nextInt(1_000_000_000);
                switch (random.nextInt(8)) {
                    case 0 -> send(vm, fromVm);
                    case 1 -> send(peer, fromPeer);
                    case 2, 3 -> cross(fromVm, toPeer, vm, peer);
                    case 4, 5 -> cross(fromPeer, toVm, peer, vm);
                    case 6 -> {
                        arrive(toPeer, peer, fromPeer);
                        arrive(toVm, vm, fromVm);
                    }
                    default -> forged += forge();
                }
            }
            return forged;
        }

        private void shakeHands() {
            var syn = new Segment(TestPacket.SYN, 0, 0, window(vm, 0), 0, vm.scale);
            assertEquals(Ruling.PASS, judge(syn, vm, peer));
            vm.sent = vm.passedEnd = 1;
            peer.received = 1;
            boolean bothScale = vm.scale >= 0 && peer.scale >= 0;
            int flags = TestPacket.SYN | TestPacket.ACK;
            var synAck = new Segment(flags, 0, 1, window(peer, 0), 0, peer.scale);
            assertEquals(Ruling.PASS, judge(synAck, peer, vm));
            peer.sent = peer.passedEnd = 1;
            vm.received = vm.acknowledged = 1;
            peer.promised = vm.peerWindowEnd = 1 + synAck.window();
            vm.roomSeen = syn.window();
            peer.roomSeen = synAck.window();
            vm.isScaling = bothScale;
            peer.isScaling = bothScale;
            var ack = new Segment(TestPacket.ACK, 1, 1, window(vm, vm.shift()), 0, -1);
            assertEquals(Ruling.PASS, judge(ack, vm, peer));
            peer.acknowledged = 1;
            peer.peerWindowEnd = 1 + ((long) ack.window() << vm.shift());
            vm.promised = peer.peerWindowEnd;
            vm.roomSeen = Math.max(vm.roomSeen, peer.peerWindowEnd - 1);
        }

        private static int window(Endpoint of, int shift) {
            return Math.max(1, Math.min(65_535, of.roomMax >> shift));
        }

        /// New data within the peer's window, old data again, or an acknowledgement.
        private void send(Endpoint from, List<Segment> wire) {
            long room = from.peerWindowEnd - from.sent;
            long seq = from.sent;
            int bytes = 0;
            if (random.nextInt(4) == 0 && from.sent > from.acknowledged) {
                seq = from.acknowledged;
                bytes = (int) Math.min(from.sent - seq, 1 + random.nextInt(60_000));
            } else if (room > 0 && random.nextInt(4) > 0) {
                bytes = (int) Math.min(room, 1 + random.nextInt(60_000));
            }
            wire.add(segment(from, seq, bytes));
            from.sent = Math.max(from.sent, seq + bytes);
        }

        /// Rooms shrink and grow, but what was promised stays (RFC 9293, 3.8.6).
        private Segment segment(Endpoint from, long seq, int bytes) {
            long end = Math.max(from.promised, from.received + random.nextInt(from.roomMax));
            int window = (int) Math.min(65_535, end - from.received >> from.shift());
            from.promised =
                    Math.max(from.promised, from.received + ((long) window << from.shift()));
            return new Segment(TestPacket.ACK, seq, from.received, window, bytes, -1);
        }

        /// Some segment on the wire meets the firewall: the next, or one that overtook it.
        private void cross(List<Segment> wire, List<Segment> onward, Endpoint from, Endpoint to) {
            if (wire.isEmpty()) {
                return;
            }
            Segment one = wire.remove(random.nextInt(Math.min(3, wire.size())));
            if (isHopelesslyLate(one, from, to)) {
                return;
            }
            if (random.nextInt(10) == 0) {
                return; // lost before it
            }
            assertEquals(Ruling.PASS, judge(one, from, to), () -> one + " of an endpoint");
            from.passedEnd = Math.max(from.passedEnd, one.end());
            from.roomSeen = Math.max(from.roomSeen, (long) one.window() << from.shift());
            if (random.nextInt(10) > 0) {
                onward.add(one);
            }
            if (random.nextInt(20) == 0) {
                onward.add(one);
            }
        }

        /// What came so late that a receiver would not look at it either.
        private static boolean isHopelesslyLate(Segment one, Endpoint from, Endpoint to) {
            return from.passedEnd - one.end() > to.roomSeen
                    || to.passedEnd - one.ack() > Math.max(66_000, from.roomSeen);
        }

        private void arrive(List<Segment> wire, Endpoint at, List<Segment> answers) {
            if (wire.isEmpty()) {
                return;
            }
            Segment one = wire.remove(random.nextInt(Math.min(3, wire.size())));
            Endpoint other = at == vm ? peer : vm;
            if (one.seq() <= at.received && one.end() > at.received) {
                at.received = one.end();
            }
            if (one.ack() > at.acknowledged) {
                at.acknowledged = one.ack();
            }
            long end = one.ack() + ((long) one.window() << other.shift());
            at.peerWindowEnd = Math.max(at.peerWindowEnd, end);
            if (random.nextBoolean()) {
                answers.add(segment(at, at.sent, 0));
            }
        }

        /// A segment that none of them can have sent, by what has passed so far.
        private int forge() {
            boolean isVm = random.nextBoolean();
            Endpoint from = isVm ? vm : peer;
            Endpoint to = isVm ? peer : vm;
            long highest = windowEndSeen(to);
            Segment one =
                    switch (random.nextInt(4)) {
                        case 0 -> forged(highest + 2 + random.nextInt(1 << 29), from.received, 0);
                        case 1 -> forged(highest - 100, from.received, 102 + random.nextInt(9000));
                        case 2 ->
                                forged(
                                        from.passedEnd
                                                - to.roomSeen
                                                - 102
                                                - random.nextInt(1 << 20),
                                        from.received,
                                        100);
                        default ->
                                forged(
                                        from.passedEnd,
                                        to.passedEnd + 1 + random.nextInt(1 << 29),
                                        0);
                    };
            assertEquals(Ruling.NO_CONNECTION, judge(one, from, to), () -> one + " is forged");
            return 1;
        }

        private static long windowEndSeen(Endpoint receiver) {
            return Math.max(receiver.promised, receiver.received) + 1;
        }

        private static Segment forged(long seq, long ack, int bytes) {
            return new Segment(TestPacket.ACK, seq, ack, 100, bytes, -1);
        }

        private Ruling judge(Segment one, Endpoint from, Endpoint to) {
            boolean isOut = from == vm;
            boolean hasAck = (one.flags() & TestPacket.ACK) != 0;
            var packet =
                    TestPacket.tcp(
                                    isOut ? 40_000 : 80,
                                    isOut ? 80 : 40_000,
                                    one.flags(),
                                    from.isn + (int) one.seq(),
                                    hasAck ? to.isn + (int) one.ack() : 0,
                                    one.window(),
                                    one.bytes(),
                                    one.scale())
                            .from(isOut ? "10.0.0.10" : "10.0.0.11")
                            .to(isOut ? "10.0.0.11" : "10.0.0.10");
            Direction way = isOut ? Direction.OUT : Direction.IN;
            return firewall.judge(packet.frame(), way, nowNanos);
        }
    }
}
