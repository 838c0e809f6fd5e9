package weft.storage.replica;

import weft.fabric.Configuration;
import weft.fabric.StoreId;
import weft.wire.storage.ReplicaMessage;
import weft.wire.storage.StorageMessage;

/// What a replica says to the world beside its disk. Calls never block and never call back into the
/// replica; results come as later events on its loop.
public interface ReplicaOutbox {
    /// Sends to the replica of the same group on another store. May be lost, may come twice or
    /// late.
    void send(StoreId to, ReplicaMessage message);

    /// Answers a client's request; `exchange` is what [Replica#onRequest] was given. An exchange is
    /// answered once, or never if the replica stops: clients send again.
    void reply(long exchange, StorageMessage.Answer answer);

    /// The replica now does what nobody waits for: what it has said leaves before, unless more is
    /// to come at once.
    default void hurry() {}

    /// Compare-and-set of the group's configuration, ending in [Replica#onProposal]: `next` is
    /// written if the record has `expected`'s version (a `wanted` or `minReplicas` that control
    /// changed meanwhile is kept). One proposal is under way at a time.
    void propose(Configuration expected, Configuration next);

    /// Asks for the configuration as it is after a `sync()`; it comes by [Replica#onConfiguration].
    /// Repeated calls may be merged, failures retried.
    void readConfiguration();

    /// A damaged block was replaced from another member, or no member has it intact.
    void tellDamage(String what, boolean repaired);

    /// One line for the log: a transition, with ids and old → new.
    void tell(String transition);
}
