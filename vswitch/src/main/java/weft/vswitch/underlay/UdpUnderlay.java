package weft.vswitch.underlay;

import jdk.net.ExtendedSocketOptions;

import org.jspecify.annotations.Nullable;

import weft.runtime.Owned;
import weft.vswitch.packet.VxlanHeader;
import weft.vswitch.port.SwitchPort;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.Objects;

/// The UDP socket of a VTEP, never blocking. Outer UDP checksums are the kernel's business.
///
/// The source port is the socket's own, not a hash of the inner headers: RFC 7348, section 5
/// recommends the hash for load balancing in the underlay, and asks nobody to rely on it.
@Owned("the switch's loop")
public final class UdpUnderlay implements Underlay, AutoCloseable {
    /// Room for about 1,300 full frames while the loop is busy elsewhere.
    private static final int SOCKET_BUFFER_BYTES = 2 << 20;

    /// A UDP datagram's largest payload over IPv4: 65,535 - 20 - 8.
    private static final int DATAGRAM_BYTES_MAX = 65_507;

    private final DatagramChannel channel;
    private final ByteBuffer outbound = ByteBuffer.allocateDirect(DATAGRAM_BYTES_MAX);
    private final ByteBuffer inbound = ByteBuffer.allocate(DATAGRAM_BYTES_MAX);
    private @Nullable InetAddress source;

    /// Opens the socket.
    ///
    /// @param selector is told when a datagram waits
    /// @throws IOException with the address in its message if it cannot be had
    public UdpUnderlay(InetSocketAddress local, Selector selector) throws IOException {
        assert SwitchPort.FRAME_BYTES_MAX > DATAGRAM_BYTES_MAX - VxlanHeader.SIZE_BYTES;
        channel = DatagramChannel.open(StandardProtocolFamily.INET);
        try {
            channel.configureBlocking(false);
            channel.setOption(StandardSocketOptions.SO_RCVBUF, SOCKET_BUFFER_BYTES);
            channel.setOption(StandardSocketOptions.SO_SNDBUF, SOCKET_BUFFER_BYTES);
            channel.setOption(ExtendedSocketOptions.IP_DONTFRAGMENT, true);
            channel.bind(local);
            channel.register(selector, SelectionKey.OP_READ);
        } catch (IOException e) {
            channel.close();
            var named =
                    new BindException(
                            "VXLAN address %s cannot be used (%s): is another switch running there?"
                                    .formatted(local, e.getMessage()));
            named.initCause(e);
            throw named;
        }
    }

    /// The address the socket has.
    public InetSocketAddress localAddress() throws IOException {
        return (InetSocketAddress) channel.getLocalAddress();
    }

    @Override
    public boolean send(
            InetSocketAddress vtep, int vni, byte[] frame, int offset, int lengthBytes) {
        if (lengthBytes > DATAGRAM_BYTES_MAX - VxlanHeader.SIZE_BYTES) {
            return false;
        }
        outbound.clear();
        VxlanHeader.emit(vni, outbound);
        outbound.put(frame, offset, lengthBytes).flip();
        try {
            return channel.send(outbound, vtep) > 0;
        } catch (IOException e) {
            return false;
        }
    }

    /// Takes the next datagram off the socket: its bytes are then [#datagram] from 0, its sender is
    /// [#source].
    ///
    /// @return its length, or -1 if none waits
    public int receive() {
        inbound.clear();
        try {
            // The JDK hands out the same address object while the sender stays the same.
            if (!(channel.receive(inbound) instanceof InetSocketAddress sender)) {
                return -1;
            }
            source = sender.getAddress();
            return inbound.position();
        } catch (IOException e) {
            return -1;
        }
    }

    /// The bytes of the last datagram; overwritten by the next.
    public byte[] datagram() {
        return inbound.array();
    }

    /// Who sent the last datagram.
    public InetAddress source() {
        return Objects.requireNonNull(source, "nothing was received yet");
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
