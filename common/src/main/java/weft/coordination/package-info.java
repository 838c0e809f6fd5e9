/// The truth that processes share: compare-and-set records, watches, presence.
/// [weft.coordination.FabricStore] is the interface; `weft.coordination.zookeeper` is the only room
/// that sees ZooKeeper.
@NullMarked
package weft.coordination;

import org.jspecify.annotations.NullMarked;
