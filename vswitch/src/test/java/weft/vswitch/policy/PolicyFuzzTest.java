package weft.vswitch.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;

import org.junit.jupiter.api.Tag;

import weft.fabric.GroupRule;
import weft.fabric.GroupRule.Direction;
import weft.fabric.GroupRule.Protocol;
import weft.fabric.SecurityGroup;
import weft.vswitch.packet.EthernetView;
import weft.vswitch.policy.RuleSet.CompiledGroup;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/// Any bytes as packets, in both directions and one after the other: no exception, and nothing that
/// rules forbid begins.
@Tag("fuzz")
class PolicyFuzzTest {
    private static final int ADDRESSES_BYTES = 12;

    private static Firewall firewall(Direction direction) {
        var group =
                new SecurityGroup(
                        "any", "blue", List.of(GroupRule.of(direction, Protocol.ANY, "")));
        return new Firewall("vm-0", new RuleSet(List.of(new CompiledGroup(group, Map.of()))), 1);
    }

    @FuzzTest(maxDuration = "10m")
    void oneFrame(byte[] rest) {
        var bytes = new byte[ADDRESSES_BYTES + 2 + rest.length];
        System.arraycopy(rest, 0, bytes, ADDRESSES_BYTES, rest.length);
        var frame = new EthernetView().over(bytes, 0, ADDRESSES_BYTES + rest.length);
        if (!frame.isComplete()) {
            return;
        }
        Firewall outwards = firewall(Direction.OUT);
        Ruling inwards = outwards.judge(frame, Direction.IN, 0);
        assertEquals(0, outwards.size(), inwards.name());
        boolean isJudged = frame.type() == 0x0800 || frame.type() == 0x86dd;
        assertEquals(Ruling.PASS, isJudged ? Ruling.PASS : inwards);
        Ruling first = outwards.judge(frame, Direction.OUT, 0);
        assertTrue(first != Ruling.DENIED_OUT && first != Ruling.DENIED_IN, first.name());
        assertTrue(outwards.size() <= 1);
        Ruling copy = outwards.judgeCopy(frame, 0);
        assertTrue(copy != Ruling.DENIED_OUT, copy.name());
        outwards.setRules(new RuleSet(List.of()));
        assertTrue(outwards.judge(frame, Direction.OUT, 0) != Ruling.CONNECTIONS_FULL);
    }

    /// Frames of up to 255 bytes, each behind its length, alternating in direction.
    @FuzzTest(maxDuration = "10m")
    void aConversation(byte[] script) {
        Firewall firewall = firewall(Direction.OUT);
        firewall.pickUp(0);
        var in = ByteBuffer.wrap(script);
        var view = new EthernetView();
        for (long now = 0; in.hasRemaining(); now += 3_000_000_000L) {
            var rest = new byte[Math.min(in.get() & 0xff, in.remaining())];
            in.get(rest);
            byte[] bytes = Arrays.copyOf(new byte[ADDRESSES_BYTES], ADDRESSES_BYTES + rest.length);
            System.arraycopy(rest, 0, bytes, ADDRESSES_BYTES, rest.length);
            view.over(bytes, 0, bytes.length);
            if (view.isComplete()) {
                Direction way = now % 2 == 0 ? Direction.OUT : Direction.IN;
                var _ = firewall.judge(view, way, now);
            }
            firewall.age(now, 2);
        }
        int listed = firewall.report(0, Integer.MAX_VALUE, 0).size();
        assertEquals(firewall.size(), listed);
    }
}
