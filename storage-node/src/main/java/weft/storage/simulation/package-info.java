/// The production replication core, client and holder in a simulated world: nodes that crash and
/// stall, disks that lose what was not synced, a network that loses, delays and partitions, and
/// checkers after each event. In every fourth schedule the nodes have the production store, too, on
/// a device that tears, spoils and forgets.
///
/// ```text
///   SimNode ── SimDisk ─┬─ ModelDisk: a disk by its promises
///                       └─ StoreDisk: Store, GroupStore, journal, chunks
///                             └─ StoreMedium ── FaultyDisk, FaultyMetadata ◄── DiskLies
/// ```
///
/// It ships, as the simulators of FoundationDB and TigerBeetle do: `weft bench simulate` runs as
/// many seeds on as many machines as there are, and whoever meets a failure in the field can write
/// it down as a seed. Nothing that serves knows this package; the store's own tests use the faulty
/// disk. Reading order: [SimPool], [SimProcess], [StorageCluster], [SimNode], [SimDisk], then the
/// checkers, [History] first.
@NullMarked
package weft.storage.simulation;

import org.jspecify.annotations.NullMarked;
