/// The storage node: its share of the pool's placement groups, and an NBD server.
@NullMarked
package weft.storage;

import org.jspecify.annotations.NullMarked;
