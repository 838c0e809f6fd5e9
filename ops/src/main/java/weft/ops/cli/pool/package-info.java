/// Commands about the pool as a whole: `weft pool`. They ask the records and the storage nodes, and
/// change nothing.
@NullMarked
package weft.ops.cli.pool;

import org.jspecify.annotations.NullMarked;
