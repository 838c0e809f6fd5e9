package weft.wire.network;

import weft.fabric.MacAddress;
import weft.wire.WireMessage;

import java.util.List;

/// Questions to a host about its switch, and their answers. Counts are since the switch started, or
/// the port was plugged.
public sealed interface SwitchMessage extends WireMessage {
    /// Ports in one answer.
    int PORTS_MAX = 500;

    /// Connections in one answer: about 50 KB.
    int CONNECTIONS_MAX = 500;

    /// Asks for ports in ascending order of their ids, after that one; answered by [Ports].
    record AskPorts(String after) implements SwitchMessage {}

    /// @param ports at most [#PORTS_MAX]; fewer if there are no more
    record Ports(List<Port> ports) implements SwitchMessage {
        public Ports {
            ports = List.copyOf(ports);
            if (ports.size() > PORTS_MAX) {
                throw new IllegalArgumentException(ports.size() + " ports in one message");
            }
        }
    }

    /// Asks what became of all frames; answered by [Totals].
    record AskTotals() implements SwitchMessage {}

    /// What became of all frames: received is the sum of the others, but for drops of kinds that
    /// count copies, or frames that the switch never saw.
    ///
    /// @param drops of all frames, also from ports that are gone
    /// @param tunnelDrops of these, of frames that came from no port
    record Totals(
            long received,
            long forwarded,
            long answered,
            List<Drops> drops,
            List<Drops> tunnelDrops)
            implements SwitchMessage {
        public Totals {
            drops = List.copyOf(drops);
            tunnelDrops = List.copyOf(tunnelDrops);
        }
    }

    /// Asks for connections of a port, in ascending order of their numbers, from that one on;
    /// answered by [Connections].
    record AskConnections(String port, int from) implements SwitchMessage {}

    /// @param connections at most [#CONNECTIONS_MAX]; fewer if there are no more
    record Connections(List<Connection> connections) implements SwitchMessage {
        public Connections {
            connections = List.copyOf(connections);
            if (connections.size() > CONNECTIONS_MAX) {
                throw new IllegalArgumentException(
                        connections.size() + " connections in one message");
            }
        }
    }

    /// A connection that a port's firewall knows of.
    ///
    /// @param number its own while it lasts; then another's
    /// @param protocol by IANA's numbers
    /// @param isOutwards whether the VM began it
    /// @param state TCP's, as `established`; of others `answered` or `unanswered`
    record Connection(
            int number,
            int protocol,
            boolean isOutwards,
            String localAddress,
            int localPort,
            String remoteAddress,
            int remotePort,
            String state,
            long ageMillis,
            long idleMillis,
            long framesOut,
            long framesIn) {}

    /// What a port does.
    enum State {
        /// It sends and receives.
        OPEN,
        /// It waits for a VM that is to arrive, or has left.
        STANDBY,
        /// Its MAC is bound to another host.
        STALE,
        /// Its network does not exist.
        NO_NETWORK
    }

    /// A port that is plugged in.
    ///
    /// @param framesIn what the switch took from the device, dropped or not
    /// @param framesOut what it handed to the device
    record Port(
            String id,
            String network,
            MacAddress mac,
            State state,
            long framesIn,
            long bytesIn,
            long framesOut,
            long bytesOut,
            List<Drops> drops) {
        public Port {
            drops = List.copyOf(drops);
        }
    }

    /// Frames dropped for one reason.
    ///
    /// @param reason as metrics have it: `spoofed_source`
    record Drops(String reason, long frames) {}
}
