package weft.vswitch.policy;

import org.jspecify.annotations.Nullable;

import weft.fabric.GroupRule;
import weft.fabric.GroupRule.Direction;
import weft.fabric.GroupRule.Protocol;
import weft.fabric.Ipv4Interface;
import weft.fabric.SecurityGroup;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/// What may begin at a port: the rules of all its groups, compiled. Never changed; made anew when
/// its groups or their members are others, so that another object means another set of rules.
///
/// Only packets that begin something come here, so rules are compared one by one; those of other
/// protocols are out of the way.
public final class RuleSet {
    private static final int TCP = 0;
    private static final int UDP = 1;
    private static final int ICMP = 2;
    private static final int REST = 3;
    private static final long IPV4_MAPPED = 0xffff_0000_0000L;
    private static final long LINK_LOCAL = 0xfe80_0000_0000_0000L;

    /// A rule as it is compared.
    ///
    /// @param members who the other side must be; null for anyone in the subnet
    /// @param network of IPv4 only; with a mask of 0 also of IPv6
    private record Clause(
            int firstPort, int lastPort, int network, int mask, @Nullable AddressSet members) {
        boolean matches(long remoteHigh, long remoteLow, int port) {
            if (port < firstPort || port > lastPort) {
                return false;
            }
            if (members != null) {
                return members.contains(member(remoteHigh, remoteLow));
            }
            return mask == 0
                    || isIpv4(remoteHigh, remoteLow) && ((int) remoteLow & mask) == network;
        }
    }

    /// A group's rules and who is meant by them. Two with the same content are equal.
    ///
    /// @param members of the groups that its rules name; the same object as long as they stay
    record CompiledGroup(SecurityGroup group, Map<String, AddressSet> members) {}

    private static final Clause[] NO_CLAUSES = {};

    private final List<CompiledGroup> compiled;
    private final Map<Direction, Clause[][]> clauses = new EnumMap<>(Direction.class);

    RuleSet(List<CompiledGroup> compiled) {
        this.compiled = compiled;
        for (Direction direction : Direction.values()) {
            var ofDirection = new Clause[REST + 1][];
            ofDirection[TCP] = clauses(compiled, direction, Protocol.TCP);
            ofDirection[UDP] = clauses(compiled, direction, Protocol.UDP);
            ofDirection[ICMP] = clauses(compiled, direction, Protocol.ICMP);
            ofDirection[REST] = clauses(compiled, direction, Protocol.ANY);
            clauses.put(direction, ofDirection);
        }
    }

    private static Clause[] clauses(
            List<CompiledGroup> compiled, Direction direction, Protocol protocol) {
        List<Clause> found = new ArrayList<>();
        for (CompiledGroup group : compiled) {
            for (GroupRule rule : group.group().rules()) {
                boolean isOf = rule.protocol() == protocol || rule.protocol() == Protocol.ANY;
                if (rule.direction() == direction && isOf) {
                    found.add(clause(rule, group.members()));
                }
            }
        }
        return found.toArray(NO_CLAUSES);
    }

    private static Clause clause(GroupRule rule, Map<String, AddressSet> members) {
        AddressSet set = rule.remoteGroup().map(members::get).orElse(null);
        Ipv4Interface subnet = rule.remoteSubnet().orElse(new Ipv4Interface(0, 0));
        int mask = subnet.prefixLength() == 0 ? 0 : -1 << 32 - subnet.prefixLength();
        return new Clause(rule.firstPort(), rule.lastPort(), subnet.subnet(), mask, set);
    }

    /// Whether it may begin.
    ///
    /// @param way who begins: the VM ([Direction#OUT]) or others
    /// @param protocol its number, of IPv4 or IPv6
    /// @param port of the side that is connected to; 0 if there are no ports
    boolean allows(Direction way, int protocol, long remoteHigh, long remoteLow, int port) {
        Clause[][] ofWay = clauses.get(way);
        if (ofWay == null) {
            return false;
        }
        for (Clause clause : ofWay[kind(protocol)]) {
            if (clause.matches(remoteHigh, remoteLow, port)) {
                return true;
            }
        }
        return false;
    }

    private static int kind(int protocol) {
        return switch (protocol) {
            case PacketView.TCP -> TCP;
            case PacketView.UDP -> UDP;
            case PacketView.ICMP, PacketView.ICMPV6 -> ICMP;
            default -> REST;
        };
    }

    /// Whether nothing is different, members included.
    boolean isSameAs(RuleSet other) {
        return compiled.equals(other.compiled);
    }

    /// Whether the records are those of the other; their groups' members may be others.
    boolean hasRulesOf(RuleSet other) {
        return groups().equals(other.groups());
    }

    private List<SecurityGroup> groups() {
        return compiled.stream().map(CompiledGroup::group).toList();
    }

    private static boolean isIpv4(long high, long low) {
        return high == 0 && low >>> 32 == IPV4_MAPPED >>> 32;
    }

    /// An address as sets of members have it: IPv4, or link-local IPv6 by EUI-64 (RFC 4291,
    /// appendix A), which is all that NICs have.
    static long member(long high, long low) {
        if (isIpv4(high, low)) {
            return AddressSet.ofIpv4((int) low);
        }
        boolean isEui64 = high == LINK_LOCAL && (low >>> 24 & 0xffff) == 0xfffe;
        return isEui64
                ? AddressSet.ofMac((low >>> 40 ^ 0x02_0000) << 24 | low & 0xff_ffff)
                : AddressSet.NOBODY;
    }
}
