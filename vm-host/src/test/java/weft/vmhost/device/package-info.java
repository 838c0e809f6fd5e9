/// Tests of this package.
@NullMarked
package weft.vmhost.device;

import org.jspecify.annotations.NullMarked;
