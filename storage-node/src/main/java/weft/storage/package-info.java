/// The storage node: its share of the pool's placement groups, on a store for each of its disks,
/// and an NBD server. StorageNode wires it, StoreFolders opens the disks, NodeAnnouncement tells
/// the others of them.
@NullMarked
package weft.storage;

import org.jspecify.annotations.NullMarked;
