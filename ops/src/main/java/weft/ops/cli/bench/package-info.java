/// `weft bench`: options and tables; what is measured lives in [weft.ops.bench].
@NullMarked
package weft.ops.cli.bench;

import org.jspecify.annotations.NullMarked;
