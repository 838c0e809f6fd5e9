package weft.fabric;

import org.jspecify.annotations.Nullable;

/// Who runs a VM: changed only by compare-and-set. At most one host runs it: the owner, in this
/// epoch.
///
/// @param host where control wants it; null until placed
/// @param owner who claimed it and may run it; null while nobody does
/// @param epoch raised by every claim: each start, each migration, each abort of one; and when the
///   VM is taken away from its owner
/// @param state what the owner says
/// @param detail why, for people: an error, "migrating to host2"; may be empty
public record VmPlacement(
        @Nullable NodeId host, @Nullable NodeId owner, long epoch, State state, String detail) {
    /// What the owner says of it.
    public enum State {
        STOPPED,
        STARTING,
        RUNNING,
        MIGRATING,
        /// It ended by itself or could not start; it stays until a person asks again.
        FAILED
    }
}
