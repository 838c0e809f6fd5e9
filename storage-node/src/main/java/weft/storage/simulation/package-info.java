/// The production replication core, client and holder in a simulated world: nodes that crash and
/// stall, disks that lose what was not synced, a network that loses, delays and partitions, and
/// checkers after each event.
///
/// It ships, as the simulators of FoundationDB and TigerBeetle do: `weft bench simulate` runs as
/// many seeds on as many machines as there are, and whoever meets a failure in the field can write
/// it down as a seed. Nothing that serves knows this package. Reading order: [SimPool],
/// [SimProcess], [StorageCluster], [SimNode], [SimDisk], then the checkers, [History] first.
@NullMarked
package weft.storage.simulation;

import org.jspecify.annotations.NullMarked;
