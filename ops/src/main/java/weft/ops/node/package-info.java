/// The processes of a fabric: what `weft node …` runs, alone or all in one process. Each part has a
/// session with the coordination of its own and talks to the others over sockets, also in one
/// process.
///
/// [weft.ops.node.NodeOptions] say where; [weft.ops.node.LocalLayout] chooses addresses on one
/// machine.
@NullMarked
package weft.ops.node;

import org.jspecify.annotations.NullMarked;
