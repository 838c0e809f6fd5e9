package weft.vswitch.pipeline;

import org.jspecify.annotations.Nullable;

import weft.fabric.NodeId;

/// What a port leaves behind when its VM moves away: for two seconds, frames for exactly its MAC go
/// on to the new host, also those that came from a tunnel. Senders whose image is old lose nothing.
///
/// No loop can form: the new host forgets its own tombstone for the MAC when it opens the port, and
/// a frame is never sent back to where it came from.
///
/// @param epoch the VM's epoch at the move; an older tombstone never replaces a newer one
/// @param tunnel the way to the new host; null if its VTEP is unknown
record Tombstone(
        String network,
        long mac,
        NodeId newHost,
        long epoch,
        long untilNanos,
        Verdict.@Nullable Tunnel tunnel) {
    /// Longer than any switch takes to see the new binding.
    static final long LIFE_NANOS = 2_000_000_000L;
}
