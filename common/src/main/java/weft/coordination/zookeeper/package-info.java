/// The only room that sees ZooKeeper and Curator: the store's client and the server that
/// one-machine fabrics embed.
@NullMarked
package weft.coordination.zookeeper;

import org.jspecify.annotations.NullMarked;
