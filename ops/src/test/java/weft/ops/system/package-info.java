/// Whole fabrics, with real processes: what a user of Weft sees.
@NullMarked
package weft.ops.system;

import org.jspecify.annotations.NullMarked;
