/// The disk: virtio block (virtio 1.2, 5.2) over a [weft.volume.BlockVolume].
@NullMarked
package weft.vmhost.virtio.block;

import org.jspecify.annotations.NullMarked;
