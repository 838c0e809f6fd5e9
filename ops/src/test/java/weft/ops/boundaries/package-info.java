/// Tests that read the code base itself: who may depend on whom, how long a method may be, whether
/// the documents still tell the truth.
@NullMarked
package weft.ops.boundaries;

import org.jspecify.annotations.NullMarked;
