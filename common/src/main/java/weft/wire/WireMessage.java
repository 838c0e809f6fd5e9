package weft.wire;

/// What travels between processes: an immutable record of some [MessageFamily].
public interface WireMessage {
    /// The memory in which its long bytes lie. Who keeps the message holds that.
    default CountedMemory memory() {
        return CountedMemory.HEAP;
    }
}
