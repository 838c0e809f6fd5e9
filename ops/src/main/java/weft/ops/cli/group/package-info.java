/// Security groups on the command line: options in, a call of `weft.ops.admin`, a table or a
/// sentence out.
@NullMarked
package weft.ops.cli.group;

import org.jspecify.annotations.NullMarked;
