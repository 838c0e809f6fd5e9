/// The nouns of the fabric, all immutable records, and the picture of all of them, `FabricImage`.
/// They know nothing of sockets, ZooKeeper or disks.
@NullMarked
package weft.fabric;

import org.jspecify.annotations.NullMarked;
