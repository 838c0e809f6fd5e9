/// The storage node around its replicas: what comes from the network goes to the right replica's
/// loop, what a replica says goes to the network, the disk and the coordination.
///
/// ```text
///                                 ┌─ HostedStore, for each disk ────────────────────┐
///   Transport ─► StorageServer ─► │ ReplicaDirectory ─► HostedReplica ─► Replica (pure)
///                     │ beats     │       ▲                  │ ▲            │ outbox
///                     ▼           │       │ configurations   │ └── Store ◄──┤
///                 NodeLeases      └───────┼──────────────────┼──────────────┼───────┘
///                                ConfigurationRecords ◄──────┴── Peers ◄────┘
/// ```
///
/// Reading order: ReplicationService, StorageServer, HostedStore, ReplicaDirectory, HostedReplica,
/// ConfigurationRecords, DiskQuestions, LayerGarbage.
@NullMarked
package weft.storage.server;

import org.jspecify.annotations.NullMarked;
