package weft.wire.storage;

/// One write in the order of its placement group.
///
/// @param version the configuration in which a primary first gave it the sequence; it keeps it when
///   a later primary prepares it again, so (version, sequence) names its bytes for ever
/// @param sequence 1 for the group's first; without gaps
/// @param session the attachment session that asked, unique in the fabric; 0 for the primary's own
/// @param requestSequence the session's number of the request, ≥ 1
/// @param lowestUnfinished requests of the session below it are finished and never sent again
/// @param token the fencing token the request came with
public record Entry(
        long version,
        long sequence,
        long session,
        long requestSequence,
        long lowestUnfinished,
        long token,
        Mutation mutation) {
    /// The same for who keeps it without holding its memory: with its bytes on the heap.
    public Entry onHeap() {
        return mutation instanceof Mutation.Write write && write.memory().isCounted()
                ? with(write.onHeap())
                : this;
    }

    /// The same with another mutation.
    public Entry with(Mutation other) {
        return new Entry(
                version, sequence, session, requestSequence, lowestUnfinished, token, other);
    }
}
