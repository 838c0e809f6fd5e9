/// Tests of this package.
@NullMarked
package weft.vmhost.snapshot;

import org.jspecify.annotations.NullMarked;
