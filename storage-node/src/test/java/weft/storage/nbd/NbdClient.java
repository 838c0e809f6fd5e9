package weft.storage.nbd;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;

/// A client that sends what it is told, right or wrong, and reads what comes.
final class NbdClient implements AutoCloseable {
    private final Socket socket = new Socket();
    final DataInputStream in;
    final DataOutputStream out;

    /// What an option was answered.
    record OptionReply(int option, int type, byte[] body) {}

    /// What a request was answered, in a simple reply.
    record Reply(long cookie, int error) {}

    NbdClient(InetSocketAddress server) throws IOException {
        socket.setSoTimeout(20_000);
        socket.connect(server);
        in = new DataInputStream(new java.io.BufferedInputStream(socket.getInputStream(), 1 << 16));
        out =
                new DataOutputStream(
                        new java.io.BufferedOutputStream(socket.getOutputStream(), 1 << 16));
    }

    Socket socket() {
        return socket;
    }

    /// Reads the greeting and answers with these flags.
    NbdClient greeted(int clientFlags) throws IOException {
        if (in.readLong() != NbdProtocol.NBDMAGIC || in.readLong() != NbdProtocol.IHAVEOPT) {
            throw new IOException("no NBD server");
        }
        in.readShort();
        out.writeInt(clientFlags);
        return this;
    }

    NbdClient option(int option, byte[] body) throws IOException {
        out.writeLong(NbdProtocol.IHAVEOPT);
        out.writeInt(option);
        out.writeInt(body.length);
        out.write(body);
        out.flush();
        return this;
    }

    OptionReply optionReply() throws IOException {
        if (in.readLong() != NbdProtocol.OPTION_REPLY_MAGIC) {
            throw new IOException("no option reply");
        }
        int option = in.readInt();
        int type = in.readInt();
        return new OptionReply(option, type, in.readNBytes(in.readInt()));
    }

    static byte[] wanted(String name) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        return java.nio.ByteBuffer.allocate(4 + bytes.length + 2)
                .putInt(bytes.length)
                .put(bytes)
                .putShort((short) 0)
                .array();
    }

    /// Goes to the transmission phase with simple replies.
    NbdClient going(String name) throws IOException {
        greeted(3).option(NbdProtocol.OPT_GO, wanted(name));
        OptionReply reply = optionReply();
        for (int type : List.of(NbdProtocol.REP_INFO, NbdProtocol.REP_INFO)) {
            if (reply.type != type) {
                throw new IOException("refused: " + reply.type);
            }
            reply = optionReply();
        }
        if (reply.type != NbdProtocol.REP_ACK) {
            throw new IOException("refused: " + reply.type);
        }
        return this;
    }

    NbdClient request(int type, int flags, long cookie, long offset, long length)
            throws IOException {
        out.writeInt(NbdProtocol.REQUEST_MAGIC);
        out.writeShort(flags);
        out.writeShort(type);
        out.writeLong(cookie);
        out.writeLong(offset);
        out.writeInt((int) length);
        out.flush();
        return this;
    }

    Reply reply() throws IOException {
        if (in.readInt() != NbdProtocol.SIMPLE_REPLY_MAGIC) {
            throw new IOException("no simple reply");
        }
        int error = in.readInt();
        return new Reply(in.readLong(), error);
    }

    /// Whether the server has closed the connection, after whatever it still sent.
    boolean isClosedByServer() throws IOException {
        try {
            in.transferTo(java.io.OutputStream.nullOutputStream());
            return true;
        } catch (java.net.SocketTimeoutException e) {
            return false;
        } catch (java.net.SocketException reset) {
            return true;
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
