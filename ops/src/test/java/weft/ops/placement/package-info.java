/// Plans, held against what they promise: balance, little movement, distinct failure domains.
@NullMarked
package weft.ops.placement;

import org.jspecify.annotations.NullMarked;
