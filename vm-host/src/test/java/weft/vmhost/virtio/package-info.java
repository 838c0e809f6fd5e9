/// Tests of this package.
@NullMarked
package weft.vmhost.virtio;

import org.jspecify.annotations.NullMarked;
