package weft.transport;

import org.jspecify.annotations.Nullable;

import weft.fabric.NodeId;
import weft.wire.MalformedMessage;
import weft.wire.WireReader;
import weft.wire.WireWriter;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.UUID;

/// What each side says first on every connection. Final in form:
///
/// ```text
///   magic 8 bytes "WEFTwire" | kind 1 byte | length 4 bytes | that many bytes
///   kind 1, hello:   major 2 | minor 2 | cluster id 16 | role 1 | incarnation 8 | features 8 | node id | …
///   kind 2, refusal: reason, then the connection is closed
/// ```
///
/// Bytes after the node id belong to later minor versions and are skipped. The connecting side
/// speaks first; the other answers with its own hello or a refusal; the first then goes on, or
/// closes the connection.
///
/// @param incarnation changes at each start of the process
/// @param features bits both sides must have before either uses what they stand for
public record Handshake(
        UUID clusterId,
        Role role,
        NodeId nodeId,
        long incarnation,
        int major,
        int minor,
        long features) {
    /// Peers of another major are refused: what they say in the same words means something else.
    public static final int MAJOR = 3;

    /// What this release adds to the major; told, never refused.
    public static final int MINOR = 0;

    static final byte[] MAGIC = "WEFTwire".getBytes(StandardCharsets.US_ASCII);
    static final int HEAD_BYTES = MAGIC.length + 1 + 4;
    static final int KIND_HELLO = 1;
    static final int KIND_REFUSAL = 2;

    /// A hello of this release is below 100 bytes; a refusal is a sentence.
    static final int BODY_BYTES_MAX = 4096;

    private static final int REASON_BYTES_MAX = 1024;
    private static final int NODE_ID_BYTES_MAX = 200;

    /// What this release says of itself.
    public static Handshake of(UUID clusterId, Role role, NodeId nodeId, long incarnation) {
        return new Handshake(clusterId, role, nodeId, incarnation, MAJOR, MINOR, 0);
    }

    /// Why this process does not talk to the peer, in words for both operators; empty if it does.
    ///
    /// @param expected the node that was called, if this side called one by name
    Optional<String> refusalOf(Handshake peer, @Nullable NodeId expected) {
        if (peer.major != major) {
            return Optional.of(
                    "%s speaks protocol %d.%d, %s speaks %d.%d: upgrade the older one"
                            .formatted(peer.nodeId, peer.major, peer.minor, nodeId, major, minor));
        }
        if (!peer.clusterId.equals(clusterId)) {
            return Optional.of(
                    "%s belongs to cluster %s, %s to cluster %s"
                            .formatted(peer.nodeId, peer.clusterId, nodeId, clusterId));
        }
        if (expected != null && !peer.nodeId.equals(expected)) {
            return Optional.of("%s answered at the address of %s".formatted(peer.nodeId, expected));
        }
        return Optional.empty();
    }

    byte[] toHello() {
        var body = new WireWriter();
        body.putShort(major);
        body.putShort(minor);
        body.putLong(clusterId.getMostSignificantBits());
        body.putLong(clusterId.getLeastSignificantBits());
        body.putByte(role.code());
        body.putLong(incarnation);
        body.putLong(features);
        body.putString(nodeId.toString());
        return framed(KIND_HELLO, body.toBytes());
    }

    static byte[] toRefusal(String reason) {
        var body = new WireWriter();
        body.putString(reason.substring(0, Math.min(reason.length(), REASON_BYTES_MAX / 4)));
        return framed(KIND_REFUSAL, body.toBytes());
    }

    private static byte[] framed(int kind, byte[] body) {
        byte[] all = new byte[HEAD_BYTES + body.length];
        System.arraycopy(MAGIC, 0, all, 0, MAGIC.length);
        all[MAGIC.length] = (byte) kind;
        all[MAGIC.length + 1] = (byte) (body.length >>> 24);
        all[MAGIC.length + 2] = (byte) (body.length >>> 16);
        all[MAGIC.length + 3] = (byte) (body.length >>> 8);
        all[MAGIC.length + 4] = (byte) body.length;
        System.arraycopy(body, 0, all, HEAD_BYTES, body.length);
        return all;
    }

    /// The body of a hello. The node id of another major is not read: its form may differ.
    static Handshake ofHello(byte[] body) throws MalformedMessage {
        var in = new WireReader(body);
        int major = in.readShort();
        int minor = in.readShort();
        if (major != MAJOR) {
            return new Handshake(
                    new UUID(0, 0), Role.CLIENT, new NodeId("unknown"), 0, major, minor, 0);
        }
        UUID clusterId = new UUID(in.readLong(), in.readLong());
        Role role = Role.of(in.readByte());
        long incarnation = in.readLong();
        long features = in.readLong();
        String name = in.readString(NODE_ID_BYTES_MAX);
        try {
            return new Handshake(
                    clusterId, role, new NodeId(name), incarnation, major, minor, features);
        } catch (IllegalArgumentException e) {
            throw new MalformedMessage(String.valueOf(e.getMessage()));
        }
    }

    static String ofRefusal(byte[] body) throws MalformedMessage {
        return new WireReader(body).readString(REASON_BYTES_MAX);
    }
}
