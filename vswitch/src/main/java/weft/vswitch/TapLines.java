package weft.vswitch;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import weft.fabric.NodeId;
import weft.runtime.Owned;
import weft.vswitch.linux.Epoll;
import weft.vswitch.pipeline.PluggedPort;
import weft.vswitch.pipeline.Switchboard;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;

/// The TAP interfaces that the loop waits for and reads.
@Owned("the switch's loop")
final class TapLines {
    private static final Logger log = LoggerFactory.getLogger(TapLines.class);

    private final NodeId host;
    private final Epoll epoll;
    private final Switchboard board;
    private final Map<Long, TapLine> byToken = new HashMap<>();
    private long lastToken = VSwitch.UNDERLAY;

    TapLines(NodeId host, Epoll epoll, Switchboard board) {
        this.host = host;
        this.epoll = epoll;
        this.board = board;
    }

    /// @throws IllegalStateException if it cannot be waited for
    void add(TapLine line, PluggedPort port) {
        lastToken++;
        line.plugged(port, lastToken);
        try {
            epoll.add(line.descriptor(), lastToken);
        } catch (IOException e) {
            throw new IllegalStateException("port " + line.id() + ": " + e.getMessage(), e);
        }
        byToken.put(lastToken, line);
    }

    /// Without effect if it is gone already.
    void remove(TapLine line) {
        if (byToken.remove(line.token()) != null) {
            epoll.remove(line.descriptor());
        }
    }

    /// Takes a batch of what the interface has.
    void takePackets(long token, long nowNanos) {
        TapLine line = byToken.get(token);
        if (line == null) {
            return; // unplugged by what came before it
        }
        try {
            for (int i = 0; i < VSwitch.BATCH_FRAMES; i++) {
                int lengthBytes = line.read();
                if (lengthBytes < 0) {
                    return;
                }
                board.packetFromPort(
                        line.port(), line.bytes(), TapLine.OFFSET, lengthBytes, nowNanos);
            }
        } catch (IOException e) {
            log.warn("{}: port {} is lost: {}", host, line.id(), e.getMessage());
            remove(line);
            board.deactivate(line.id());
        }
    }
}
