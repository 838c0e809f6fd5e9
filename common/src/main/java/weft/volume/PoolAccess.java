package weft.volume;

import weft.fabric.Configuration;
import weft.fabric.Member;
import weft.fabric.NodeId;
import weft.fabric.PlacementGroupId;
import weft.wire.WireMessage;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/// What an open volume needs of the process that it is open in: what is known of the pool, the way
/// to its nodes, and time. [PoolClient] in production, a process of virtual time in the simulator.
public interface PoolAccess {
    /// The number of bits of the hash that name a group.
    int pgBits();

    /// The newest configuration heard of.
    Optional<Configuration> configurationOf(PlacementGroupId pg);

    /// Takes a configuration heard of; true if it is news.
    boolean learn(Configuration heard);

    /// Reads the group's configuration from the coordination. The future always completes normally:
    /// what was not learned is asked for again.
    CompletableFuture<Void> refresh(PlacementGroupId pg);

    /// The node of a member.
    Optional<NodeId> nodeOf(Member member);

    /// Sends a request; the future fails if it cannot be answered any more.
    CompletableFuture<WireMessage> request(NodeId node, WireMessage message);

    /// Runs the task after the delay.
    void later(Duration delay, Runnable task);

    /// The process's clock.
    long nowNanos();

    /// What all its volumes count.
    PoolMeters meters();

    /// What the process has open for writing.
    OpenVolumes holds();

    /// Begins to tell all placement groups of the volume that its token is in force; when all know,
    /// [#holds] is told.
    void fence(RemoteVolume volume);

    /// The volume needs no ticks any more.
    void forget(RemoteVolume volume);
}
