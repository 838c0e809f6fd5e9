package weft.vmhost.memory;

/// Someone who remembers that a page may be written without asking [GuestMemory] again: a hart's
/// TLB. Dropping the tags makes the next store to each page announce itself anew.
public interface WriteTagHolder {
    /// Returns only when no store can happen any more through a tag obtained before the call. Not
    /// called on the holder's own thread.
    void dropWriteTags();

    /// Asks for the same without waiting. The holder drops its tags before its next instruction
    /// that orders memory, and reports each tagged page that holds code by
    /// [GuestMemory#forgetCode].
    void requestDropWriteTags();
}
