/// Tests of measuring: the arithmetic, the form of results, one small run end to end. None looks at
/// how fast anything is.
@NullMarked
package weft.ops.bench;

import org.jspecify.annotations.NullMarked;
