package weft.storage.nbd;

import io.netty.buffer.ByteBuf;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What a client negotiates about BLOCK_STATUS: of the metadata contexts there is one,
/// `base:allocation`, what a disk holds and where it has holes.
///
/// ```
/// LIST and SET: 4 bytes length, export's name, 4 bytes count, for each query 4 bytes length, query
/// answered by a META_CONTEXT for each that matches (4 bytes id, name) and an ACK
/// ```
final class NbdMetaContexts {
    static final int ALLOCATION_ID = 1;
    private static final String ALLOCATION = "base:allocation";
    private static final String NAMESPACE = "base:";

    private Optional<String> setFor = Optional.empty();

    /// Takes a LIST_META_CONTEXT or a SET_META_CONTEXT.
    void consider(
            int option, ByteBuf body, boolean isStructured, List<String> exports, ByteBuf out) {
        boolean isSet = option == NbdProtocol.OPT_SET_META_CONTEXT;
        Optional<String> export = string(body);
        Optional<List<String>> queries = queries(body);
        if (isSet) {
            setFor = Optional.empty();
        }
        if (export.isEmpty() || queries.isEmpty() || isSet && !isStructured) {
            NbdHandshake.reply(out, option, NbdProtocol.REP_ERR_INVALID, 0);
            return;
        }
        if (!exports.contains(export.get())) {
            NbdHandshake.reply(out, option, NbdProtocol.REP_ERR_UNKNOWN, 0);
            return;
        }
        boolean isAsked = queries.get().contains(ALLOCATION);
        boolean isListed = !isSet && (queries.get().isEmpty() || queries.get().contains(NAMESPACE));
        if (isAsked || isListed) {
            byte[] name = ALLOCATION.getBytes(StandardCharsets.US_ASCII);
            NbdHandshake.reply(out, option, NbdProtocol.REP_META_CONTEXT, 4 + name.length);
            out.writeInt(isSet ? ALLOCATION_ID : 0).writeBytes(name);
        }
        NbdHandshake.reply(out, option, NbdProtocol.REP_ACK, 0);
        if (isSet && isAsked) {
            setFor = export;
        }
    }

    /// Whether a client that goes on with the export may ask for its allocation.
    boolean isSetFor(String export) {
        return setFor.isPresent() && setFor.get().equals(export);
    }

    private static Optional<List<String>> queries(ByteBuf body) {
        if (body.readableBytes() < 4) {
            return Optional.empty();
        }
        long count = body.readUnsignedInt();
        List<String> queries = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            Optional<String> query = string(body);
            if (query.isEmpty()) {
                return Optional.empty();
            }
            queries.add(query.get());
        }
        return body.isReadable() ? Optional.empty() : Optional.of(queries);
    }

    private static Optional<String> string(ByteBuf body) {
        if (body.readableBytes() < 4) {
            return Optional.empty();
        }
        long lengthBytes = body.readUnsignedInt();
        return lengthBytes > body.readableBytes()
                ? Optional.empty()
                : Optional.of(body.readSlice((int) lengthBytes).toString(StandardCharsets.UTF_8));
    }
}
