/// The power button: an input device (virtio 1.2, 5.8) with one key.
@NullMarked
package weft.vmhost.virtio.input;

import org.jspecify.annotations.NullMarked;
