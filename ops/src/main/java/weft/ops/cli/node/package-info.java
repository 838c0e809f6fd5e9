/// `weft node list` and what operators do to storage nodes. The commands that run a node are in
/// `weft.ops.cli.fabric`.
@NullMarked
package weft.ops.cli.node;

import org.jspecify.annotations.NullMarked;
