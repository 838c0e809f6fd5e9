package weft.wire;

/// What travels between processes: an immutable record of some [MessageFamily].
public interface WireMessage {}
