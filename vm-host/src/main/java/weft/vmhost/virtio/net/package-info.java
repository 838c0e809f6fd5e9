/// The NIC: virtio network (virtio 1.2, 5.1) on a port of the software switch.
@NullMarked
package weft.vmhost.virtio.net;

import org.jspecify.annotations.NullMarked;
