/// Tests of this package.
@NullMarked
package weft.vmhost.machine;

import org.jspecify.annotations.NullMarked;
