/// Virtual machines on the command line: options in, a call of `weft.ops.admin` or a wait, a table
/// or a sentence out.
@NullMarked
package weft.ops.cli.vm;

import org.jspecify.annotations.NullMarked;
