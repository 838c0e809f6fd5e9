/// The heart of the pool: one replica of one placement group, as PacificA (MSR-TR-2008-25) has it.
///
/// Pure: no I/O, clock, thread, random here. A [weft.storage.replica.Replica] takes events with the
/// time and speaks through [weft.storage.replica.ReplicaOutbox] and
/// [weft.storage.replica.ReplicaDisk]; Netty drives it in production, the simulator in tests.
///
/// ```text
///            client                     other replicas              ZooKeeper
///              │ WriteBlocks, ReadBlocks      │ ToReplica               │ Configuration
///   ┌──────────▼──────────────────────────────▼─────────────────────────▼──┐
///   │ Replica ── Role: Idle │ Joining │ Backup │ Primary                    │
///   └──────────┬──────────────────────────────┬─────────────────────────┬──┘
///              ▼ ReplicaDisk                  ▼ ReplicaOutbox.send      ▼ propose
/// ```
///
/// Reading order: Replica, Role, Primary, Backup, PreparedList, ReplicatedTables, Lease view.
@NullMarked
package weft.storage.replica;

import org.jspecify.annotations.NullMarked;
