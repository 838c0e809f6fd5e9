/// What clients, primaries and members of the pool say to each other. Records only; the bytes are
/// in [weft.wire.storage.StorageCodec], the meaning is in docs/protocols/storage-wire.md. Reading
/// order: Mutation, Entry, StorageMessage, ReplicaMessage, StorageCodec.
@NullMarked
package weft.wire.storage;

import org.jspecify.annotations.NullMarked;
