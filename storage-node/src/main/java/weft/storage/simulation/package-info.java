/// The production replication core in a simulated world: nodes that crash and stall, disks that
/// lose what was not synced, a network that loses, delays and partitions, and a checker after each
/// event.
@NullMarked
package weft.storage.simulation;

import org.jspecify.annotations.NullMarked;
