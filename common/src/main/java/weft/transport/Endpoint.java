package weft.transport;

import weft.wire.WireMessage;

/// Who takes messages of one family.
@FunctionalInterface
public interface Endpoint {
    /// A message has come. Called on the connection's event loop, in the order of arrival: must not
    /// block; hand work to a [weft.runtime.Loop]. What it throws fails the request.
    void onMessage(WireMessage message, Caller caller);
}
