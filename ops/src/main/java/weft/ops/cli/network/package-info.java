/// Virtual networks on the command line: options in, a call of `weft.ops.admin` or a wait, a table
/// or a sentence out.
@NullMarked
package weft.ops.cli.network;

import org.jspecify.annotations.NullMarked;
