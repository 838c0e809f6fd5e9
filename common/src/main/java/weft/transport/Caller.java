package weft.transport;

import weft.wire.WireMessage;

/// Where a message came from, and the way to answer it. May be used from any thread.
public interface Caller {
    /// The other side of the connection.
    Handshake peer();

    /// Whether it waits for [#reply] or [#fail].
    boolean expectsReply();

    /// Says that serving the message will hold so many bytes until it is answered, as for a read.
    /// Beyond a limit the connection is not read until earlier requests are answered. Call it in
    /// [Endpoint#onMessage].
    void charge(int bytes);

    /// Sends a one-way message back, over the same connection. Without effect if it is gone, or if
    /// the other side takes no more.
    void send(WireMessage message);

    /// Answers a request; the first answer counts. Without effect if none is expected or the
    /// connection is gone.
    void reply(WireMessage message);

    /// Answers that the request was not served; the other side's future fails with [PeerFailure].
    void fail(String reason);

    /// Says that the message is none that such a peer may send, though it could be read: a request
    /// fails, and where there is a connection it is closed and counted as one that brought garbage.
    default void garbage(String reason) {
        fail(reason);
    }
}
