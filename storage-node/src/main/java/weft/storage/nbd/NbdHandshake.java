package weft.storage.nbd;

import io.netty.buffer.ByteBuf;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Supplier;

/// The negotiation of one connection: takes the client's bytes, writes the server's, and says what
/// follows. No I/O and no volumes in here.
///
/// ```
/// server: NBDMAGIC IHAVEOPT flags(2)          client: flags(4)
/// client: IHAVEOPT option(4) length(4) data   server: 3e889045565a9 option(4) reply(4) length(4) data
/// ```
///
/// EXPORT_NAME and GO lead to the transmission phase, ABORT and anything that is no NBD to the end.
final class NbdHandshake {
    /// Names are at most 4096 bytes by the protocol; with a list of information requests behind.
    static final int OPTION_BYTES_MAX = 8192;

    /// Options of one connection; who sends more does not want a disk.
    static final int OPTIONS_MAX = 256;

    private static final int NAME_BYTES_MAX = 4096;
    private static final int OPTION_HEADER_BYTES = 16;
    private static final int ZEROES_AFTER_EXPORT_NAME = 124;

    /// What follows.
    sealed interface Outcome {
        /// More bytes.
        record Incomplete() implements Outcome {
            static final Incomplete INCOMPLETE = new Incomplete();
        }

        /// The export's properties: answer with [NbdHandshake#accept] or [NbdHandshake#refuse].
        record Wanted(String export, int option) implements Outcome {}

        /// TLS, from the client's next byte on: then [NbdHandshake#secured].
        record StartTls() implements Outcome {
            static final StartTls START_TLS = new StartTls();
        }

        /// The end of the connection, after what was written has been sent.
        record Ended() implements Outcome {
            static final Ended ENDED = new Ended();
        }

        /// The end, because the bytes are not the protocol's.
        record Broken(String why) implements Outcome {}
    }

    /// What a client asks of an export before it has it.
    ///
    /// @param flags transmission flags but for what negotiation adds
    record Properties(long sizeBytes, int flags) {}

    private final Supplier<List<String>> exportNames;
    private final boolean needsTls;
    private boolean isSecured;
    private boolean hasClientFlags;
    private boolean hasNoZeroes;
    private boolean isStructured;
    private final NbdMetaContexts contexts = new NbdMetaContexts();
    private int optionCount;

    /// @param needsTls whether nothing is told before the connection is secured
    NbdHandshake(Supplier<List<String>> exportNames, boolean needsTls) {
        this.exportNames = exportNames;
        this.needsTls = needsTls;
    }

    /// From now on what comes and goes is secured.
    void secured() {
        isSecured = true;
    }

    /// Whether structured replies were negotiated.
    boolean isStructured() {
        return isStructured;
    }

    /// Whether the client of an export may ask what it holds.
    boolean hasAllocation(Outcome.Wanted wanted) {
        return contexts.isSetFor(wanted.export());
    }

    /// The server's first bytes.
    void greet(ByteBuf out) {
        out.writeLong(NbdProtocol.NBDMAGIC).writeLong(NbdProtocol.IHAVEOPT);
        out.writeShort(NbdProtocol.FLAG_FIXED_NEWSTYLE | NbdProtocol.FLAG_NO_ZEROES);
    }

    /// Takes as many of the bytes as make whole options.
    Outcome advance(ByteBuf in, ByteBuf out) {
        if (!hasClientFlags) {
            if (in.readableBytes() < 4) {
                return Outcome.Incomplete.INCOMPLETE;
            }
            int flags = in.readInt();
            if ((flags & ~(NbdProtocol.FLAG_FIXED_NEWSTYLE | NbdProtocol.FLAG_NO_ZEROES)) != 0) {
                return new Outcome.Broken("unknown client flags");
            }
            hasNoZeroes = (flags & NbdProtocol.FLAG_NO_ZEROES) != 0;
            hasClientFlags = true;
        }
        while (in.readableBytes() >= OPTION_HEADER_BYTES) {
            int start = in.readerIndex();
            if (in.getLong(start) != NbdProtocol.IHAVEOPT) {
                return new Outcome.Broken("no option where one must be");
            }
            int option = in.getInt(start + 8);
            long lengthBytes = in.getUnsignedInt(start + 12);
            if (lengthBytes > OPTION_BYTES_MAX || ++optionCount > OPTIONS_MAX) {
                return new Outcome.Broken("too long an option or too many");
            }
            if (in.readableBytes() < OPTION_HEADER_BYTES + lengthBytes) {
                optionCount--;
                return Outcome.Incomplete.INCOMPLETE;
            }
            in.skipBytes(OPTION_HEADER_BYTES);
            Outcome outcome = consider(option, in.readSlice((int) lengthBytes), out);
            if (outcome != Outcome.Incomplete.INCOMPLETE) {
                return outcome;
            }
        }
        return Outcome.Incomplete.INCOMPLETE;
    }

    private Outcome consider(int option, ByteBuf body, ByteBuf out) {
        if (needsTls && !isSecured && option != NbdProtocol.OPT_ABORT) {
            return considerInTheClear(option, body, out);
        }
        boolean isEmpty = !body.isReadable();
        switch (option) {
            case NbdProtocol.OPT_EXPORT_NAME -> {
                return new Outcome.Wanted(body.toString(StandardCharsets.UTF_8), option);
            }
            case NbdProtocol.OPT_INFO, NbdProtocol.OPT_GO -> {
                return wanted(option, body, out);
            }
            case NbdProtocol.OPT_ABORT -> {
                reply(out, option, NbdProtocol.REP_ACK, 0);
                return Outcome.Ended.ENDED;
            }
            case NbdProtocol.OPT_LIST -> {
                if (isEmpty) {
                    exportNames.get().forEach(name -> replyServer(out, name));
                }
                reply(out, option, isEmpty ? NbdProtocol.REP_ACK : NbdProtocol.REP_ERR_INVALID, 0);
            }
            case NbdProtocol.OPT_STRUCTURED_REPLY -> {
                isStructured |= isEmpty;
                reply(out, option, isEmpty ? NbdProtocol.REP_ACK : NbdProtocol.REP_ERR_INVALID, 0);
            }
            case NbdProtocol.OPT_LIST_META_CONTEXT, NbdProtocol.OPT_SET_META_CONTEXT ->
                    contexts.consider(option, body, isStructured, exportNames.get(), out);
            case NbdProtocol.OPT_STARTTLS ->
                    // Once is enough; without TLS there is no such option.
                    reply(
                            out,
                            option,
                            isSecured ? NbdProtocol.REP_ERR_INVALID : NbdProtocol.REP_ERR_UNSUP,
                            0);
            default -> reply(out, option, NbdProtocol.REP_ERR_UNSUP, 0);
        }
        return Outcome.Incomplete.INCOMPLETE;
    }

    private static Outcome considerInTheClear(int option, ByteBuf body, ByteBuf out) {
        switch (option) {
            case NbdProtocol.OPT_EXPORT_NAME -> {
                // It has no way to say no.
                return new Outcome.Broken("an export without TLS");
            }
            case NbdProtocol.OPT_STARTTLS -> {
                if (!body.isReadable()) {
                    reply(out, option, NbdProtocol.REP_ACK, 0);
                    return Outcome.StartTls.START_TLS;
                }
                reply(out, option, NbdProtocol.REP_ERR_INVALID, 0);
            }
            default -> reply(out, option, NbdProtocol.REP_ERR_TLS_REQD, 0);
        }
        return Outcome.Incomplete.INCOMPLETE;
    }

    /// INFO and GO: 4 bytes length, name, 2 bytes count, 2 bytes for each information wanted. What
    /// is wanted is sent whether asked for or not.
    private static Outcome wanted(int option, ByteBuf body, ByteBuf out) {
        if (body.readableBytes() >= 4) {
            long nameBytes = body.readUnsignedInt();
            if (nameBytes <= NAME_BYTES_MAX && body.readableBytes() >= nameBytes + 2) {
                String name = body.readSlice((int) nameBytes).toString(StandardCharsets.UTF_8);
                if (body.readableBytes() == 2 + 2 * body.getUnsignedShort(body.readerIndex())) {
                    return new Outcome.Wanted(name, option);
                }
            }
        }
        reply(out, option, NbdProtocol.REP_ERR_INVALID, 0);
        return Outcome.Incomplete.INCOMPLETE;
    }

    /// Answers a [Outcome.Wanted] that can be had.
    ///
    /// @return whether the transmission phase begins
    boolean accept(Outcome.Wanted wanted, Properties export, ByteBuf out) {
        int flags = transmissionFlags(export);
        if (wanted.option == NbdProtocol.OPT_EXPORT_NAME) {
            out.writeLong(export.sizeBytes).writeShort(flags);
            out.writeZero(hasNoZeroes ? 0 : ZEROES_AFTER_EXPORT_NAME);
            return true;
        }
        reply(out, wanted.option, NbdProtocol.REP_INFO, 12);
        out.writeShort(NbdProtocol.INFO_EXPORT).writeLong(export.sizeBytes).writeShort(flags);
        reply(out, wanted.option, NbdProtocol.REP_INFO, 14);
        out.writeShort(NbdProtocol.INFO_BLOCK_SIZE);
        out.writeInt(NbdProtocol.BLOCK_BYTES_MIN).writeInt(NbdProtocol.BLOCK_BYTES_PREFERRED);
        out.writeInt(NbdProtocol.PAYLOAD_BYTES_MAX);
        reply(out, wanted.option, NbdProtocol.REP_ACK, 0);
        return wanted.option == NbdProtocol.OPT_GO;
    }

    /// The flags the client is told.
    int transmissionFlags(Properties export) {
        return export.flags | (isStructured ? NbdProtocol.SEND_DF : 0);
    }

    /// Answers a [Outcome.Wanted] that cannot be had.
    ///
    /// @return whether the connection goes on; EXPORT_NAME has no way to say no
    boolean refuse(Outcome.Wanted wanted, int reason, ByteBuf out) {
        if (wanted.option == NbdProtocol.OPT_EXPORT_NAME) {
            return false;
        }
        reply(out, wanted.option, reason, 0);
        return true;
    }

    private static void replyServer(ByteBuf out, String name) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        reply(out, NbdProtocol.OPT_LIST, NbdProtocol.REP_SERVER, 4 + bytes.length);
        out.writeInt(bytes.length).writeBytes(bytes);
    }

    static void reply(ByteBuf out, int option, int type, int lengthBytes) {
        out.writeLong(NbdProtocol.OPTION_REPLY_MAGIC);
        out.writeInt(option).writeInt(type).writeInt(lengthBytes);
    }
}
