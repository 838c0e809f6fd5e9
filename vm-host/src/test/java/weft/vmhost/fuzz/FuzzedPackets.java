package weft.vmhost.fuzz;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Packets with the NIC's header before them, that look like TCP or UDP and are damaged here and
/// there.
final class FuzzedPackets {
    private static final int HEADER_BYTES = 12;

    private FuzzedPackets() {}

    static byte[] any(FuzzedDataProvider data) {
        if (data.consumeInt(0, 3) == 0) {
            return data.consumeBytes(200);
        }
        boolean ip6 = data.consumeBoolean();
        int tags = data.consumeInt(0, 2);
        int options = data.consumeInt(0, 2);
        int payload = data.consumeBoolean() ? data.consumeInt(0, 4000) : data.consumeInt(0, 100);
        int network = 14 + 4 * tags;
        int transport = network + (ip6 ? 40 + 8 * options : 20 + 4 * options);
        int end = transport + 20 + payload;
        int skipped = data.consumeBoolean() ? HEADER_BYTES : 10;
        ByteBuffer packet = ByteBuffer.allocate(skipped + end).order(ByteOrder.LITTLE_ENDIAN);
        packet.put(0, (byte) data.consumeInt(0, 3));
        packet.put(1, (byte) data.pickValue(new int[] {0, ip6 ? 4 : 1, ip6 ? 0x84 : 0x81, 3}));
        packet.putShort(2, (short) (transport + 20));
        packet.putShort(4, (short) data.consumeInt(0, 1600));
        packet.putShort(6, (short) transport);
        packet.putShort(8, (short) 16);
        ByteBuffer frame = packet.slice(skipped, end).order(ByteOrder.BIG_ENDIAN);
        for (int tag = 0; tag < tags; tag++) {
            frame.putShort(12 + 4 * tag, (short) 0x8100);
        }
        if (ip6) {
            frame.putShort(network - 2, (short) 0x86dd);
            frame.put(network, (byte) 0x60);
            frame.put(network + 6, (byte) (options > 0 ? 0 : 6));
            for (int option = 0; option < options; option++) {
                frame.put(network + 40 + 8 * option, (byte) (option == options - 1 ? 6 : 60));
            }
        } else {
            frame.putShort(network - 2, (short) 0x0800);
            frame.put(network, (byte) (0x45 + options));
            frame.put(network + 9, (byte) 6);
        }
        frame.put(transport + 12, (byte) (5 + data.consumeInt(0, 1) * data.consumeInt(0, 10) << 4));
        frame.put(transport + 13, data.consumeByte());
        for (int damages = data.consumeInt(0, 2); damages > 0; damages--) {
            int at = data.consumeInt(0, Math.min(packet.capacity() - 1, 120));
            packet.put(at, data.consumeByte());
        }
        return packet.array();
    }

    /// A command of the control queue: class, command, what belongs to it.
    static byte[] command(FuzzedDataProvider data) {
        ByteBuffer command = ByteBuffer.allocate(1000).order(ByteOrder.LITTLE_ENDIAN);
        command.put((byte) data.consumeInt(0, 4)).put((byte) data.consumeInt(0, 2));
        if (data.consumeBoolean()) {
            for (int list = 0; list < 2; list++) {
                int count = data.consumeInt(0, 66);
                command.putInt(count);
                command.position(command.position() + 6 * count);
            }
        } else {
            command.put(data.consumeBytes(20));
        }
        var bytes = new byte[command.position()];
        command.get(0, bytes);
        return bytes;
    }
}
