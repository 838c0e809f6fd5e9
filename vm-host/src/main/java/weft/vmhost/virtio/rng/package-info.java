/// The entropy source: virtio entropy (virtio 1.2, 5.4).
@NullMarked
package weft.vmhost.virtio.rng;

import org.jspecify.annotations.NullMarked;
