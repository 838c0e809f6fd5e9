package weft.transport;

import weft.wire.MessageFamily;

/// A family of messages that a connection accepts, and who takes them.
public record Service(MessageFamily<?> family, Endpoint endpoint) {}
