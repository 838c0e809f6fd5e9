package weft.wire.network;

import weft.fabric.MacAddress;
import weft.wire.MalformedMessage;
import weft.wire.MessageFamily;
import weft.wire.WireReader;
import weft.wire.WireWriter;
import weft.wire.network.SwitchMessage.AskConnections;
import weft.wire.network.SwitchMessage.AskPorts;
import weft.wire.network.SwitchMessage.AskTotals;
import weft.wire.network.SwitchMessage.Connection;
import weft.wire.network.SwitchMessage.Connections;
import weft.wire.network.SwitchMessage.Drops;
import weft.wire.network.SwitchMessage.Port;
import weft.wire.network.SwitchMessage.Ports;
import weft.wire.network.SwitchMessage.State;
import weft.wire.network.SwitchMessage.Totals;

import java.util.ArrayList;
import java.util.List;

/// The bytes of [SwitchMessage]s:
///
/// ```text
///   0x0801 AskPorts   after: length 4, UTF-8
///   0x0802 Ports      count 4, of each: id, network: length 4, UTF-8 | MAC 8 | state 1
///                     | frames in 8 | bytes in 8 | frames out 8 | bytes out 8 | drops
///   0x0803 AskTotals
///   0x0804 Totals     received 8 | forwarded 8 | answered 8 | drops | drops of tunnels
///   0x0805 AskConnections  port: length 4, UTF-8 | from 4
///   0x0806 Connections     count 4, of each: number 4 | protocol 1 | VM began it 1
///                          | local: address: length 4, UTF-8; port 2 | remote: the same
///                          | state: length 4, UTF-8 | age in ms 8 | idle in ms 8
///                          | frames out 8 | frames in 8
///
///   drops             count 4, of each: reason: length 4, UTF-8 | frames 8
/// ```
public final class SwitchFamily implements MessageFamily<SwitchMessage> {
    private static final int NAME_BYTES_MAX = 200;
    private static final int PORT_BYTES_MIN = 4 + 4 + 8 + 1 + 4 * 8 + 4;
    private static final int DROPS_BYTES_MIN = 4 + 8;
    private static final int CONNECTION_BYTES_MIN = 4 + 1 + 1 + 2 * (4 + 2) + 4 + 4 * 8;

    @Override
    public int rangeByte() {
        return SWITCH;
    }

    @Override
    public Class<SwitchMessage> messages() {
        return SwitchMessage.class;
    }

    @Override
    public int typeIdOf(SwitchMessage message) {
        int index =
                switch (message) {
                    case AskPorts _ -> 1;
                    case Ports _ -> 2;
                    case AskTotals _ -> 3;
                    case Totals _ -> 4;
                    case AskConnections _ -> 5;
                    case Connections _ -> 6;
                };
        return SWITCH << 8 | index;
    }

    @Override
    public void encode(SwitchMessage message, WireWriter out) {
        switch (message) {
            case AskPorts ask -> out.putString(ask.after());
            case Ports(List<Port> ports) -> {
                out.putInt(ports.size());
                ports.forEach(port -> put(port, out));
            }
            case AskTotals _ -> {}
            case Totals totals -> {
                out.putLong(totals.received());
                out.putLong(totals.forwarded());
                out.putLong(totals.answered());
                put(totals.drops(), out);
                put(totals.tunnelDrops(), out);
            }
            case AskConnections(String port, int from) -> {
                out.putString(port);
                out.putInt(from);
            }
            case Connections(List<Connection> connections) -> {
                out.putInt(connections.size());
                connections.forEach(one -> put(one, out));
            }
        }
    }

    private static void put(Connection one, WireWriter out) {
        out.putInt(one.number());
        out.putByte(one.protocol());
        out.putBoolean(one.isOutwards());
        out.putString(one.localAddress());
        out.putShort(one.localPort());
        out.putString(one.remoteAddress());
        out.putShort(one.remotePort());
        out.putString(one.state());
        out.putLong(one.ageMillis());
        out.putLong(one.idleMillis());
        out.putLong(one.framesOut());
        out.putLong(one.framesIn());
    }

    private static void put(Port port, WireWriter out) {
        out.putString(port.id());
        out.putString(port.network());
        out.putLong(port.mac().bits());
        out.putByte(port.state().ordinal());
        out.putLong(port.framesIn());
        out.putLong(port.bytesIn());
        out.putLong(port.framesOut());
        out.putLong(port.bytesOut());
        put(port.drops(), out);
    }

    private static void put(List<Drops> drops, WireWriter out) {
        out.putInt(drops.size());
        for (Drops one : drops) {
            out.putString(one.reason());
            out.putLong(one.frames());
        }
    }

    @Override
    public SwitchMessage decodeFields(int typeId, WireReader in) throws MalformedMessage {
        return switch (typeId & 0xff) {
            case 1 -> new AskPorts(in.readString(NAME_BYTES_MAX));
            case 2 -> {
                int count = in.readCount(PORT_BYTES_MIN);
                List<Port> ports = new ArrayList<>(count);
                for (int i = 0; i < count; i++) {
                    ports.add(port(in));
                }
                yield new Ports(ports);
            }
            case 3 -> new AskTotals();
            case 4 -> new Totals(in.readLong(), in.readLong(), in.readLong(), drops(in), drops(in));
            case 5 -> new AskConnections(in.readString(NAME_BYTES_MAX), in.readInt());
            case 6 -> {
                int count = in.readCount(CONNECTION_BYTES_MIN);
                List<Connection> connections = new ArrayList<>(count);
                for (int i = 0; i < count; i++) {
                    connections.add(connection(in));
                }
                yield new Connections(connections);
            }
            default ->
                    throw new MalformedMessage(
                            "no message about a switch has type 0x%04x".formatted(typeId));
        };
    }

    private static Port port(WireReader in) throws MalformedMessage {
        return new Port(
                in.readString(NAME_BYTES_MAX),
                in.readString(NAME_BYTES_MAX),
                new MacAddress(in.readLong()),
                state(in.readByte()),
                in.readLong(),
                in.readLong(),
                in.readLong(),
                in.readLong(),
                drops(in));
    }

    private static Connection connection(WireReader in) throws MalformedMessage {
        return new Connection(
                in.readInt(),
                in.readByte(),
                in.readBoolean(),
                in.readString(NAME_BYTES_MAX),
                in.readShort(),
                in.readString(NAME_BYTES_MAX),
                in.readShort(),
                in.readString(NAME_BYTES_MAX),
                in.readLong(),
                in.readLong(),
                in.readLong(),
                in.readLong());
    }

    private static State state(int index) throws MalformedMessage {
        State[] all = State.values();
        if (index >= all.length) {
            throw new MalformedMessage("no state of a port is " + index);
        }
        return all[index];
    }

    private static List<Drops> drops(WireReader in) throws MalformedMessage {
        int count = in.readCount(DROPS_BYTES_MIN);
        List<Drops> drops = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            drops.add(new Drops(in.readString(NAME_BYTES_MAX), in.readLong()));
        }
        return drops;
    }
}
