/// `weft demo`.
@NullMarked
package weft.ops.cli.demo;

import org.jspecify.annotations.NullMarked;
