/// The balloon: virtio traditional memory balloon (virtio 1.2, 5.5).
@NullMarked
package weft.vmhost.virtio.balloon;

import org.jspecify.annotations.NullMarked;
