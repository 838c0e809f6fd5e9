package weft.fabric;

import java.util.Locale;
import java.util.Optional;

/// What a [SecurityGroup] lets pass; there are no rules that forbid. A rule is about who begins a
/// connection: answers pass with it.
///
/// @param firstPort of the side that is connected to; 0 where there are no ports
/// @param lastPort not below the first; 65535 together with 0 is any port
/// @param remote the other side: empty for anyone, `10.0.0.0/28`, or `group:web`
public record GroupRule(
        Direction direction, Protocol protocol, int firstPort, int lastPort, String remote) {
    /// Who begins, seen from the member.
    public enum Direction {
        /// Others connect to the member.
        IN,
        /// The member connects to others.
        OUT;

        /// The direction of answers.
        public Direction opposite() {
            return this == IN ? OUT : IN;
        }
    }

    /// What is spoken.
    public enum Protocol {
        TCP,
        UDP,
        /// Of both IPv4 and IPv6.
        ICMP,
        /// All of the above and the rest.
        ANY
    }

    public static final int PORT_MAX = 65_535;
    private static final String GROUP = "group:";

    public GroupRule {
        if (firstPort < 0 || lastPort > PORT_MAX || firstPort > lastPort) {
            throw new IllegalArgumentException(
                    "ports %d-%d are no range within 0-65535".formatted(firstPort, lastPort));
        }
        boolean hasPorts = protocol == Protocol.TCP || protocol == Protocol.UDP;
        if (!hasPorts && (firstPort != 0 || lastPort != PORT_MAX)) {
            throw new IllegalArgumentException(
                    "protocol %s has no ports; tcp and udp have".formatted(lower(protocol)));
        }
        if (remote.startsWith(GROUP)) {
            FabricName.check("group", remote.substring(GROUP.length()));
        } else if (!remote.isEmpty()) {
            checkSubnet(remote);
        }
    }

    private static void checkSubnet(String remote) {
        Ipv4Interface subnet = Ipv4Interface.parse(remote);
        if (subnet.address() != subnet.subnet()) {
            throw new IllegalArgumentException(
                    "subnet '%s' has host bits set: is %s meant?"
                            .formatted(
                                    remote,
                                    new Ipv4Interface(subnet.subnet(), subnet.prefixLength())));
        }
    }

    /// Any port, from or to anyone.
    public static GroupRule of(Direction direction, Protocol protocol, String remote) {
        return new GroupRule(direction, protocol, 0, PORT_MAX, remote);
    }

    /// The name of the group that the other side has to be in, if it is one.
    public Optional<String> remoteGroup() {
        return remote.startsWith(GROUP)
                ? Optional.of(remote.substring(GROUP.length()))
                : Optional.empty();
    }

    /// The subnet that the other side has to be in, if it is one.
    public Optional<Ipv4Interface> remoteSubnet() {
        return remote.isEmpty() || remote.startsWith(GROUP)
                ? Optional.empty()
                : Optional.of(Ipv4Interface.parse(remote));
    }

    /// The remote that is this group.
    public static String toGroup(String name) {
        return GROUP + name;
    }

    /// As people read it: `in tcp 80-90 from group:web`.
    @Override
    public String toString() {
        var text = new StringBuilder(lower(direction)).append(' ').append(lower(protocol));
        if (firstPort != 0 || lastPort != PORT_MAX) {
            text.append(' ').append(ports());
        }
        if (!remote.isEmpty()) {
            text.append(direction == Direction.IN ? " from " : " to ").append(remote);
        }
        return text.toString();
    }

    /// `80`, `80-90`, or `any`.
    public String ports() {
        if (firstPort == 0 && lastPort == PORT_MAX) {
            return "any";
        }
        return firstPort == lastPort ? "" + firstPort : firstPort + "-" + lastPort;
    }

    private static String lower(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}
